"""Hostile calls for the registry, and what answering each of them costs it.

`cases()` is the list, test_hostile_xml.py checks it, scripts/hostile-xml prints
it as a table. A call that is refused must have the fault of the interface.
"""

import glob
import gzip
import http.client
import re
import xmlrpc.client

PARSE, CALL, METHOD, PARAMS = -32700, -32600, -32601, -32602
TOO_LARGE = 413
HEAD = "<?xml version=\"1.0\"?><methodCall><methodName>"
LOOKUP = HEAD + "registry.lookup</methodName><params><param><value>"
TAIL = "</value></param></params></methodCall>"
SERVICE = "<member><name>service</name><value>a</value></member>"
XML = {"Content-Type": "text/xml"}


class Hostile:
    """One request: a name that reads as a sentence, the body, and the answer that is right:
    `fault` a code, 0 for a result; `status` the HTTP status."""

    def __init__(self, name, body, fault=None, status=200, headers=None):
        self.name, self.fault, self.status = name, fault, status
        self.body = body if isinstance(body, bytes) else body.encode()
        self.headers = XML if headers is None else headers


def lookup(value):
    """registry.lookup of any XML."""
    return LOOKUP + value + TAIL


def member(value):
    """registry.lookup of a service, with a member of any XML beside it."""
    return lookup(f"<struct>{SERVICE}<member><name>zone</name><value>{value}</value></member>"
                  "</struct>")


def bomb(levels=9, fan=10):
    """The billion laughs: under 1 KB that expands to a gigabyte."""
    lines = ["<!ENTITY a0 'lol'>"]
    lines += [f"<!ENTITY a{i} '{f'&a{i - 1};' * fan}'>" for i in range(1, levels)]
    call = LOOKUP.partition("?>")[2] + f"&a{levels - 1};" + TAIL
    return f"<!DOCTYPE m [{''.join(lines)}]>" + call


def doctype(inner):
    """A call with a document type declaration."""
    return f"<?xml version=\"1.0\"?><!DOCTYPE m {inner}>" + lookup("&e;").partition("?>")[2]


def multicall(*calls):
    """system.multicall of methods, each with the XML of its one parameter."""
    entries = "".join(
        f"<value><struct><member><name>methodName</name><value>{name}</value></member><member>"
        f"<name>params</name><value><array><data>{params}</data></array></value></member></struct>"
        "</value>" for name, params in calls)
    return (HEAD + "system.multicall</methodName><params><param><value><array><data>" + entries +
            "</data></array>" + TAIL)


def declarations():
    """Declarations, encodings, and what hides them."""
    utf16 = bomb().replace("<!DOCTYPE", "<?xml version=\"1.0\" encoding=\"UTF-16\"?><!DOCTYPE")
    plus = "+ADwAIQ-DOCTYPE m+AD4-"
    return [
        Hostile("an entity bomb", bomb(), PARSE),
        Hostile("a quadratic entity bomb",
                f"<!DOCTYPE m [<!ENTITY e '{'x' * 50000}'>]>"
                + lookup("&e;" * 5000).partition("?>")[2], PARSE),
        Hostile("an external entity", doctype("[<!ENTITY e SYSTEM 'file:///etc/passwd'>]"), PARSE),
        Hostile("an external entity over HTTP",
                doctype("[<!ENTITY e SYSTEM 'http://127.0.0.1:1/'>]"), PARSE),
        Hostile("a parameter entity", doctype("[<!ENTITY % e SYSTEM 'file:///etc/passwd'> %e;]"),
                PARSE),
        Hostile("an external document type", doctype("SYSTEM 'http://127.0.0.1:1/m.dtd'"), PARSE),
        Hostile("a document type within a value", lookup("<!DOCTYPE m [<!ENTITY e 'x'>]>"), PARSE),
        Hostile("a bomb in UTF-16", utf16.encode("utf-16"), PARSE),
        Hostile("a bomb in UTF-16 without a mark", utf16.encode("utf-16-be"), PARSE),
        Hostile("a bomb in UTF-32", utf16.encode("utf-32"), PARSE),
        Hostile("a document type in UTF-7",
                f"<?xml version=\"1.0\" encoding=\"UTF-7\"?>{plus}" + lookup("1"), PARSE),
        Hostile("UTF-7 that is not declared", plus + lookup("1"), PARSE),
        Hostile("a bomb behind a byte order mark", b"\xef\xbb\xbf" + bomb().encode(), PARSE),
        Hostile("two byte order marks", b"\xef\xbb\xbf\xef\xbb\xbf" + lookup("1").encode(), PARSE),
        Hostile("EBCDIC", lookup("1").encode("cp500"), PARSE),
        Hostile("a declared code page", "<?xml version=\"1.0\" encoding=\"cp1252\"?><methodCall/>",
                PARSE),
        Hostile("no UTF-8", lookup("\xff\xfe").encode("latin-1"), PARSE),
        Hostile("an overlong '<'", lookup("\xc0\xbc").encode("latin-1"), PARSE),
        Hostile("a surrogate in UTF-8", lookup("\xed\xa0\x80").encode("latin-1"), PARSE),
    ]


def sizes():
    """Depth, elements, bytes."""
    deep = "<array><data><value>"
    items = "<value/>" * 20001
    return [
        Hostile("35 KB of nesting", lookup(deep * 1750), TOO_LARGE),
        Hostile("1 MiB of nesting", lookup(deep * 52000), TOO_LARGE),
        Hostile("33 levels, closed", lookup(
            "<array><data><value>" * 10 + "</value></data></array>" * 10), TOO_LARGE),
        Hostile("20,001 elements", lookup(f"<array><data>{items}</data></array>"), TOO_LARGE),
        Hostile("as many elements as allowed", lookup(
            f"<array><data>{'<value/>' * 19990}</data></array>"), PARAMS),
        Hostile("1 MiB and a byte", lookup("x" * (1048577 - len(LOOKUP + TAIL))), status=413),
        Hostile("a full MiB in one string", lookup("x" * (1048576 - len(LOOKUP + TAIL))), PARAMS),
        Hostile("a full MiB of references", lookup("&#120;" * 174000), PARAMS),
        Hostile("a full MiB of CDATA sections", lookup("<![CDATA[x]]>" * 80000), PARAMS),
        Hostile("a full MiB of empty comments", lookup("<!---->" * 149000), PARAMS),
        Hostile("a full MiB of spaces", " " * 1048000 + lookup("1"), PARSE),
        Hostile("10 MB in one string", lookup("x" * 10000000), status=413),
        Hostile("a struct of 257 members", lookup("<struct>" + "".join(
            f"<member><name>m{i}</name><value/></member>" for i in range(257)) + "</struct>"),
                TOO_LARGE),
        Hostile("a name of 1 MB", lookup(
            f"<struct><member><name>{'n' * 1000000}</name><value/></member></struct>"), PARAMS),
        Hostile("a method's name of 1 MB", HEAD + "m" * 1000000 + "</methodName></methodCall>",
                METHOD),
        Hostile("100,000 attributes", LOOKUP[:-1] + "".join(
            f" a{i}=''" for i in range(100000)) + ">" + TAIL, CALL),
        Hostile("an attribute of 1 MB", LOOKUP[:-1] + f" a='{'x' * 1000000}'>x" + TAIL, PARAMS),
        Hostile("an element's name of 1 MB", lookup(f"<{'e' * 1000000}/>"), CALL),
    ]


def shapes():
    """Elements where they do not belong, and what hides in text."""
    return [
        Hostile("nothing", "", PARSE),
        Hostile("no XML", "GET / HTTP/1.1", PARSE),
        Hostile("a cut call", lookup("1")[:-5], PARSE),
        Hostile("crossed tags", lookup("<array><data></array></data>"), PARSE),
        Hostile("two calls", lookup("1") + "<methodCall/>", PARSE),
        Hostile("a reply", "<methodResponse><params><param><value>1</value></param></params>"
                "</methodResponse>", CALL),
        Hostile("SOAP", "<soap:Envelope xmlns:soap='urn:x'><soap:Body/></soap:Envelope>", CALL),
        Hostile("no method's name", "<methodCall><params/></methodCall>", CALL),
        Hostile("two method's names",
                HEAD + "a</methodName><methodName>b</methodName></methodCall>",
                CALL),
        Hostile("a method's name with strange characters", HEAD + "../../etc&#10;</methodName>"
                "</methodCall>", METHOD),
        Hostile("a prefixed call", "<x:methodCall xmlns:x='urn:x'><x:methodName>m</x:methodName>"
                "</x:methodCall>", CALL),
        Hostile("a prefixed type", lookup("<x:string>a</x:string>"), CALL),
        Hostile("a name space on a value", lookup("<string xmlns='urn:x'>a</string>"), PARAMS),
        Hostile("a processing instruction in a value", lookup("<?php exit ?>"), PARSE),
        Hostile("a style sheet", "<?xml-stylesheet href='http://127.0.0.1:1/'?>" + lookup("1"),
                PARSE),
        Hostile("a comment in a name", lookup(
            "<struct><member><name>ser<!-- -->vice</name><value>a</value></member></struct>"), 0),
        Hostile("a comment that hides a member twice", lookup(
            f"<struct>{SERVICE}<member><name>serv<!-- -->ice</name><value>b</value></member>"
            "</struct>"), PARAMS),
        Hostile("CDATA that hides a member twice", lookup(
            f"<struct>{SERVICE}<member><name><![CDATA[service]]></name><value>b</value></member>"
            "</struct>"), PARAMS),
        Hostile("a reference that hides a member twice", lookup(
            f"<struct>{SERVICE}<member><name>&#115;ervice</name><value>b</value></member>"
            "</struct>"), PARAMS),
        Hostile("CDATA with markup in a name", lookup(
            "<struct><member><name><![CDATA[</name><!DOCTYPE]]></name><value/></member></struct>"),
                PARAMS),
        Hostile("CDATA around the call", f"<![CDATA[{lookup('1')}]]>", PARSE),
        Hostile("']]>' split over two sections", lookup("<![CDATA[]]]]><![CDATA[>]]>"), PARAMS),
        Hostile("a reference to NUL", lookup("&#0;"), PARSE),
        Hostile("a reference to a surrogate", lookup("&#xD800;&#xDC00;"), PARSE),
        Hostile("a reference beyond Unicode", lookup("&#x110000;"), PARSE),
        Hostile("a reference to a control character", lookup("&#27;"), PARSE),
        Hostile("a NUL", lookup("a\0b"), PARSE),
        Hostile("an unknown entity", lookup("&nbsp;"), PARSE),
        Hostile("text beside a member", lookup(f"<struct>x{SERVICE}</struct>"), CALL),
        Hostile("text beside a type", lookup("x<int>1</int>"), PARAMS),
        Hostile("two types in a value", lookup("<int>1</int><int>2</int>"), CALL),
        Hostile("a member without a value", lookup(
            "<struct><member><name>service</name></member></struct>"), CALL),
        Hostile("a value before its name", lookup(
            "<struct><member><value>a</value><name>service</name></member></struct>"), 0),
    ]


def values():
    """Values that are none."""
    return [
        Hostile("i8", member("<i8>1</i8>"), PARAMS),
        Hostile("nil", member("<nil/>"), PARAMS),
        Hostile("ex:nil", member("<ex:nil/>"), PARAMS),
        Hostile("ex:i8", member("<ex:i8>1</ex:i8>"), PARAMS),
        Hostile("an int of 33 bits", member("<int>4294967296</int>"), PARAMS),
        Hostile("an int of 2147483648", member("<i4>2147483648</i4>"), PARAMS),
        Hostile("an int of 1,000,000 digits", member(f"<int>{'9' * 1000000}</int>"), PARAMS),
        Hostile("an int with letters", member("<int>12ab</int>"), PARAMS),
        Hostile("an empty int", member("<int></int>"), PARAMS),
        Hostile("a boolean of 2", member("<boolean>2</boolean>"), PARAMS),
        Hostile("NaN", member("<double>NaN</double>"), PARAMS),
        Hostile("an infinite double", member("<double>inf</double>"), PARAMS),
        Hostile("a double of 1e999999999", member("<double>1e999999999</double>"), PARAMS),
        Hostile("a double of 1,000,000 digits", member(f"<double>{'9' * 1000000}</double>"),
                PARAMS),
        Hostile("a hexadecimal double", member("<double>0x1p3</double>"), PARAMS),
        Hostile("broken base64", member("<base64>A=B=!</base64>"), PARAMS),
        Hostile("1 MB of base64 without an end", member(f"<base64>{'A' * 1000001}</base64>"),
                PARAMS),
        Hostile("a dateTime of no day", member(
            "<dateTime.iso8601>99999999T99:99:99</dateTime.iso8601>"), PARAMS),
        Hostile("a dateTime of letters", member("<dateTime.iso8601>now</dateTime.iso8601>"),
                PARAMS),
        Hostile("a dateTime of 1 MB", member(
            f"<dateTime.iso8601>{'1' * 1000000}</dateTime.iso8601>"), PARAMS),
        Hostile("a string where a struct belongs", lookup("a"), PARAMS),
        Hostile("two parameters", LOOKUP + "a</value></param><param><value>" + "b" + TAIL, PARAMS),
        Hostile("an unknown member", member("x").replace("zone", "zome"), PARAMS),
        Hostile("a line feed in a service's name", lookup(
            "<struct>" + SERVICE.replace(">a<", ">a&#10;b<") + "</struct>"), PARAMS),
    ]


def bombs():
    """Calls that are allowed, as large as can be."""
    one = f"<value><struct>{SERVICE}</struct></value>"
    watch = ("<value><struct><member><name>revision</name><value></value></member><member><name>"
             "wait_ms</name><value><int>60000</int></value></member></struct></value>")
    inner = "<value><array><data></data></array></value>"
    beat = ("<value><struct>" + SERVICE + "<member><name>id</name><value>x</value></member>"
            "</struct></value>")
    beats = f"<value><array><data>{beat * 250}</data></array></value>"
    return [
        Hostile("a multicall of 101", multicall(*[("registry.lookup", one)] * 101), PARAMS),
        Hostile("a multicall of 3,000", multicall(*[("m", "")] * 3000), TOO_LARGE),
        Hostile("a multicall of 100 multicalls", multicall(*[("system.multicall", inner)] * 100),
                0),
        Hostile("a multicall of 100 lookups", multicall(*[("registry.lookup", one)] * 100), 0),
        Hostile("a multicall of 100 watches that would wait",
                multicall(*[("registry.watch", watch)] * 100), 0),
        Hostile("a multicall of 100 unknown methods", multicall(*[("m" * 80, "")] * 100), 0),
        Hostile("a multicall of 5 times 250 heartbeats",
                multicall(*[("registry.heartbeats", beats)] * 5), 0),
        Hostile("251 heartbeats", HEAD + "registry.heartbeats</methodName><params><param>" +
                beats.replace("<data>", f"<data>{beat}") + "</param></params></methodCall>",
                PARAMS),
    ]


def http_cases():
    """What HTTP itself can say wrongly."""
    packed = gzip.compress(lookup("1").encode())
    return [
        Hostile("a gzip body", packed, status=415,
                headers={**XML, "Content-Encoding": "gzip"}),
        Hostile("a gzip bomb of 10 MB", gzip.compress(b"<" * 10000000), status=415,
                headers={**XML, "Content-Encoding": "gzip"}),
        Hostile("a gzip body that is not declared", packed, PARSE),
        Hostile("a form", b"a=b", status=415,
                headers={"Content-Type": "application/x-www-form-urlencoded"}),
        Hostile("a call as plain text, as any web page can send it", lookup("1"), status=415,
                headers={"Content-Type": "text/plain"}),
        Hostile("JSON", b"{\"a\": 1}", status=415, headers={"Content-Type": "application/json"}),
        Hostile("a call from a web page", lookup("1"), status=403,
                headers={**XML, "Origin": "http://evil.example"}),
        Hostile("a charset that is none of ours", lookup("1").encode("utf-16"), PARSE,
                headers={"Content-Type": "text/xml; charset=utf-16"}),
    ]


def cases():
    """All of them."""
    return declarations() + sizes() + shapes() + values() + bombs() + http_cases()


def cpu_ms(pid):
    """CPU time of all threads of a process."""
    total = 0
    for name in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        with open(name, encoding="ascii") as file:
            total += int(file.read().split()[0])
    return total / 1e6


def memory_kb(pid, field):
    """VmRSS or VmHWM of a process."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(rf"{field}:\s+(\d+) kB", file.read()).group(1))


def forget_peak(pid):
    """VmHWM begins anew at VmRSS."""
    with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


class Outcome:
    """The answer to a hostile request: HTTP status, fault code (0: a result, None: no XML-RPC),
    its text; CPU milliseconds of the registry and KB by which its peak rose over what it had."""

    def __init__(self, status, fault, text, cpu, memory):
        self.status, self.fault, self.text, self.cpu, self.memory = status, fault, text, cpu, memory


def send(registry, case, timeout=60):
    """Sends one, on a connection of its own. `registry` has pid and port."""
    forget_peak(registry.pid)
    cpu, memory = cpu_ms(registry.pid), memory_kb(registry.pid, "VmRSS")
    connection = http.client.HTTPConnection("127.0.0.1", registry.port, timeout=timeout)
    try:
        try:
            connection.request("POST", "/RPC2", case.body, case.headers)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it answered before it had read all
        answer = connection.getresponse()
        body, fault, text = answer.read(), None, ""
    finally:
        connection.close()
    if answer.status == 200:
        try:
            xmlrpc.client.loads(body)
            fault = 0
        except xmlrpc.client.Fault as error:
            fault, text = error.faultCode, error.faultString
    else:
        text = body.decode(errors="replace")
    return Outcome(answer.status, fault, text, cpu_ms(registry.pid) - cpu,
                   memory_kb(registry.pid, "VmHWM") - memory)
