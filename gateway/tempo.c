/* tempo: a deadline that bytes move. After Apache's mod_reqtimeout and Kestrel's data rates. */
#include "gateway/tempo.h"
#include "gateway/settings.h"

/* Time that so many bytes are worth; what is capped would be hours. */
static uint64_t tempo_earned_us(uint64_t bytes, uint64_t rate)
{
	if (bytes > UINT64_MAX / 1000000)
		bytes = UINT64_MAX / 1000000;
	return bytes * 1000000 / rate;
}

void tempo_update(struct tempo *tempo, bool waiting, uint64_t total, uint64_t now_ms,
		  const struct settings_limits *limits)
{
	uint64_t now = now_ms * 1000, idle = limits->idle_timeout_ms * UINT64_C(1000);
	uint64_t grace = limits->rate_grace_ms * UINT64_C(1000), rate = limits->rate_bytes;

	if (!waiting) {
		tempo->due_us = 0;
		return;
	}
	if (!tempo->due_us)
		tempo->due_us = now + (rate && grace < idle ? grace : idle);
	else if (!rate && total > tempo->seen) /* any byte will do */
		tempo->due_us = now + idle;
	else if (rate && total > tempo->seen)
		tempo->due_us += tempo_earned_us(total - tempo->seen, rate);
	tempo->seen = total;
	if (tempo->due_us > now + idle)
		tempo->due_us = now + idle;
}

uint64_t tempo_due_ms(const struct tempo *tempo)
{
	return tempo->due_us ? tempo->due_us / 1000 : UINT64_MAX;
}
