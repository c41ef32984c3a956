/* jq: libjq, with a clock and a way out when memory is spent. */
#include "gateway/jq.h"
#include "common/json_walk.h"
#include "gateway/jq_value.h"

#include <errno.h>
#include <jq.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct jq {
	jq_state *state;
	char *names[JQ_NAMES_MAX];
	size_t name_count;
	bool tame;
	bool folds; /* has reduce or foreach */
};

/* ---- The clock ----
 *
 * A timer of the thread's own CPU time, whose signal tells libjq's interpreter to halt: it looks
 * before each instruction. */

static _Thread_local struct {
	timer_t timer;
	bool made;
	jq_state *volatile running; /* NULL: nothing runs */
	volatile sig_atomic_t stopped;
	jmp_buf no_memory;
} jq_thread;

static int jq_signal(void)
{
	return SIGRTMIN + 1;
}

static void jq_on_signal(int number)
{
	(void)number;
	if (!jq_thread.running || jq_thread.stopped)
		return;
	jq_thread.stopped = 1;
	if (!jq_halted(jq_thread.running))
		jq_halt(jq_thread.running, jv_invalid(), jv_invalid());
}

static int jq_make_timer(void)
{
	struct sigaction action = {.sa_handler = jq_on_signal, .sa_flags = SA_RESTART};
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = jq_signal()};
	sigset_t set;

	(void)sigemptyset(&action.sa_mask);
	event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, jq_signal());
	if (sigaction(jq_signal(), &action, NULL) < 0 ||
	    pthread_sigmask(SIG_UNBLOCK, &set, NULL) != 0 ||
	    timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &jq_thread.timer) < 0)
		return -1;
	jq_thread.made = true;
	return 0;
}

/* 0: disarms. */
static void jq_set_timer(unsigned cpu_ms)
{
	struct itimerspec when = {
		.it_value = {.tv_sec = cpu_ms / 1000, .tv_nsec = cpu_ms % 1000 * 1000000L}};

	if (jq_thread.made)
		(void)timer_settime(jq_thread.timer, 0, &when, NULL); /* it exists */
}

/* libjq would end the process. */
static void jq_on_no_memory(void *arg)
{
	(void)arg;
	longjmp(jq_thread.no_memory, 1);
}

/* ---- Compiling ---- */

/* What only concerns those who call jq in a shell. */
static void jq_cut(char *text)
{
	static const char *const parts[] = {" (Unix shell quoting issues?)", " at <top-level>"};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		size_t len = strlen(parts[i]);
		char *at = strstr(text, parts[i]);

		if (at)
			memmove(at, at + len, strlen(at + len) + 1);
	}
}

static void jq_on_message(void *arg, jv message)
{
	static const char prefix[] = "jq: error: ";
	struct err *e = arg;
	const char *text;
	size_t len;

	if (jv_get_kind(message) == JV_KIND_STRING && e && !e->text[0]) {
		text = jv_string_value(message);
		if (strncmp(text, prefix, sizeof(prefix) - 1) == 0)
			text += sizeof(prefix) - 1;
		len = strcspn(text, "\n");
		if (len && text[len - 1] == ':')
			len--;
		(void)err_set(e, "%.*s", (int)len, text);
		jq_cut(e->text);
	}
	jv_free(message);
}

static bool jq_names_variable(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = strchr(text, '$'); at; at = strchr(at + 1, '$')) {
		const char *end = at + 1;

		while (*end == ' ')
			end++;
		if (strncmp(end, name, len) == 0)
			return true;
	}
	return false;
}

/* ".a as $a | (PROGRAM)", for the variables that it may name. */
static void jq_wrap(struct buf *program, const char *text, const struct jq *jq)
{
	for (size_t i = 0; i < jq->name_count; i++)
		if (jq_names_variable(text, jq->names[i]))
			(void)buf_printf(program, ".%s as $%s | ", jq->names[i], jq->names[i]);
	(void)buf_printf(program, "(%s\n)", text); /* failures stick */
}

static bool jq_compile_with(struct jq *jq, const char *program, const char *const *defined,
			    size_t count)
{
	jv args = jv_object();

	for (size_t i = 0; i < count; i++)
		args = jv_object_set(args, jv_string(defined[i]), jv_null());
	return jq_compile_args(jq->state, program, args) != 0;
}

/* `defined` are variables that the program does not define itself. */
static int jq_compile_program(struct jq *jq, const char *program, const char *const *defined,
			      size_t count, struct err *e)
{
	volatile int result = -1; /* setjmp's */

	if (e)
		e->text[0] = '\0';
	if (setjmp(jq_thread.no_memory)) {
		jq->state = NULL; /* left where it is */
		result = err_code(e, ENOMEM, "out of memory");
	} else {
		jq->state = jq_init();
		if (jq->state) {
			jq_set_nomem_handler(jq->state, jq_on_no_memory, NULL);
			jq_set_error_cb(jq->state, jq_on_message, e);
			result = jq_compile_with(jq, program, defined, count) ? 0 : -1;
			jq_set_error_cb(jq->state, jq_on_message, NULL);
			jq_set_nomem_handler(jq->state, NULL, NULL);
		}
		if (result < 0 && e && !e->text[0])
			(void)err_set(e, "the program can't be compiled");
	}
	return result;
}

static int jq_compile_text(struct jq *jq, const char *text, struct err *e)
{
	struct buf program;
	int result;

	buf_init(&program, JQ_PROGRAM_MAX + 4096);
	jq_wrap(&program, text, jq);
	if (buf_str(&program))
		result = jq_compile_program(jq, program.data, NULL, 0, e);
	else
		result = err_code(e, ENOMEM, "out of memory");
	buf_fini(&program);
	return result;
}

struct jq *jq_new(const char *text, const char *const *names, size_t name_count, struct err *e)
{
	struct jq *jq = calloc(1, sizeof(*jq));

	if (!jq) {
		(void)err_code(e, ENOMEM, "out of memory");
		return NULL;
	}
	for (; jq->name_count < name_count && jq->name_count < JQ_NAMES_MAX; jq->name_count++) {
		jq->names[jq->name_count] = strdup(names[jq->name_count]);
		if (!jq->names[jq->name_count]) {
			(void)err_code(e, ENOMEM, "out of memory");
			jq_free(&jq);
			return NULL;
		}
	}
	jq->tame = jq_text_is_tame(text);
	jq->folds = strstr(text, "reduce") || strstr(text, "foreach");
	if (jq_compile_text(jq, text, e) < 0)
		jq_free(&jq);
	return jq;
}

void jq_explain(const char *text, const char *const *names, size_t name_count, struct err *e)
{
	struct err own = {0};
	struct jq jq = {0};
	struct buf program;

	/* Not the text alone: it could begin with an import, which libjq looks for in paths that
	 * are not set. */
	buf_init(&program, JQ_PROGRAM_MAX + 4096);
	(void)buf_printf(&program, ". | %s", text);
	if (!buf_str(&program))
		(void)err_code(e, ENOMEM, "out of memory");
	else if (jq_compile_program(&jq, program.data, names, name_count, &own) < 0)
		*e = own;
	if (jq.state)
		jq_teardown(&jq.state);
	buf_fini(&program);
}

void jq_free(struct jq **jq)
{
	struct jq *j = *jq;

	*jq = NULL;
	if (!j)
		return;
	if (j->state)
		jq_teardown(&j->state);
	for (size_t i = 0; i < j->name_count; i++)
		free(j->names[i]);
	free(j);
}

/* ---- Running ---- */

void jq_input_init(struct jq_input *input, const struct span *values, size_t count)
{
	*input = (struct jq_input){.values = values};
	for (size_t i = 0; i < count; i++)
		input->bytes += values[i].len;
}

bool jq_needs_helper(const struct jq *jq, const struct jq_input *input)
{
	/* Each turn of a fold may nest its result once more, and libjq frees by recursion. */
	return !jq->tame || input->bytes > (jq->folds ? JQ_HERE_BYTES / 4 : JQ_HERE_BYTES);
}

static void jq_write_message(jv message, const struct jq_texts *texts, struct buf *out)
{
	if (jv_get_kind(message) == JV_KIND_STRING)
		(void)buf_append(out, jv_string_value(message),
				 (size_t)jv_string_length_bytes(jv_copy(message)));
	else
		(void)jq_value_write(message, texts, out); /* failure sticks */
	jv_free(message);
}

/* Why there is no (other) result. */
static enum jq_result jq_end(struct jq *jq, jv last, const struct jq_texts *texts, bool has_result,
			     struct buf *out)
{
	bool has_message = jv_invalid_has_msg(jv_copy(last));

	if (jq_thread.stopped) {
		jv_free(last);
		return JQ_TOO_LONG;
	}
	if (has_message) {
		buf_reset(out);
		jq_write_message(jv_invalid_get_msg(last), texts, out);
		return JQ_ERROR;
	}
	jv_free(last);
	if (has_result && !jq_halted(jq->state))
		return JQ_DONE;
	buf_reset(out);
	(void)buf_puts(out, has_result ? "the program halts" : "the program has no result");
	return JQ_ERROR;
}

static enum jq_result jq_results(struct jq *jq, const struct jq_texts *texts, struct buf *out)
{
	jv result = jq_next(jq->state), more;
	int written;

	if (!jv_is_valid(result))
		return jq_end(jq, result, texts, false, out);
	written = jq_value_write(result, texts, out);
	jv_free(result);
	if (written < 0)
		return JQ_TOO_LARGE;
	more = jq_next(jq->state);
	if (!jv_is_valid(more))
		return jq_end(jq, more, texts, true, out);
	jv_free(more);
	buf_reset(out);
	(void)buf_puts(out, "the program has more than one result; put them into [ ]");
	return JQ_ERROR;
}

static jv jq_build_input(const struct jq *jq, const struct jq_texts *texts)
{
	jv input = jv_object();

	for (size_t i = 0; i < jq->name_count; i++)
		if (texts->items[i].len)
			input = jv_object_set(input, jv_string(jq->names[i]),
					      jq_value_read(texts, i));
	return input;
}

enum jq_result jq_run(struct jq *jq, const struct jq_input *input, unsigned cpu_ms, struct buf *out)
{
	const struct jq_texts texts = {input->values, jq->name_count};
	enum jq_result result;

	if (!jq_thread.made && jq_make_timer() < 0)
		return JQ_NO_MEMORY;
	jq_thread.stopped = 0;
	if (setjmp(jq_thread.no_memory)) {
		jq_thread.running = NULL;
		jq_set_timer(0);
		return JQ_NO_MEMORY;
	}
	jq_set_nomem_handler(jq->state, jq_on_no_memory, NULL);
	jq_start(jq->state, jq_build_input(jq, &texts), 0);
	jq_thread.running = jq->state;
	jq_set_timer(cpu_ms);
	result = jq_results(jq, &texts, out);
	jq_thread.running = NULL;
	jq_set_timer(0);
	/* Lets go of what it holds of the input. */
	jq_start(jq->state, jv_null(), 0);
	return result;
}
