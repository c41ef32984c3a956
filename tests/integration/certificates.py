"""Makes certificates for the tests, with the openssl program."""

import os
import subprocess


def make_certificate(folder, name, names, issuer=None, days=2):
    """A certificate `name`.pem with its key, for names and addresses; self-signed, or signed by an
    earlier one. With `days` below 0 it has expired."""
    cert, key = (os.path.join(folder, f"{name}.{kind}") for kind in ("pem", "key"))
    common = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
              "-subj", f"/CN={name}", "-keyout", key]
    alternatives = ",".join(f"{'IP' if n[0].isdigit() else 'DNS'}:{n}" for n in names)
    if days < 0:
        expire(folder, name, common, alternatives, issuer)
        return {"cert": cert, "key": key}
    command = ["openssl", "req", "-x509", *common, "-days", str(days), "-out", cert]
    if names:
        command += ["-addext", f"subjectAltName={alternatives}"]
    if issuer:
        command += ["-CA", os.path.join(folder, f"{issuer}.pem"),
                    "-CAkey", os.path.join(folder, f"{issuer}.key"),
                    "-addext", "basicConstraints=critical,CA:FALSE"]
    subprocess.run(command, check=True, capture_output=True)
    return {"cert": cert, "key": key}


def expire(folder, name, common, alternatives, issuer):
    """One that was good until 2001: `openssl ca` can say both dates."""
    base = os.path.join(folder, name)
    with open(base + ".cnf", "w", encoding="utf-8") as file:
        file.write(f"[ca]\ndefault_ca=d\n[d]\ndatabase={base}.db\nserial={base}.srl\n"
                   f"new_certs_dir={folder}\ndefault_md=sha256\npolicy=p\nx509_extensions=x\n"
                   f"[p]\ncommonName=supplied\n[x]\nsubjectAltName={alternatives}\n")
    with open(base + ".db", "w", encoding="utf-8"):
        pass
    with open(base + ".srl", "w", encoding="utf-8") as file:
        file.write("01")
    subprocess.run(["openssl", "req", "-new", *common, "-out", base + ".csr"], check=True,
                   capture_output=True)
    subprocess.run(["openssl", "ca", "-batch", "-config", base + ".cnf", "-in", base + ".csr",
                    "-cert", os.path.join(folder, f"{issuer}.pem"),
                    "-keyfile", os.path.join(folder, f"{issuer}.key"), "-out", base + ".pem",
                    "-startdate", "20000101000000Z", "-enddate", "20010101000000Z"],
                   check=True, capture_output=True)
