/* hasher: a bounded queue before a few threads; libargon2 and libcrypt do the work. */
#include "gateway/hasher.h"

#include <argon2.h>
#include <crypt.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
	HASHER_THREADS_MAX = 8,
	/* RFC 9106 4, the second choice, with less memory: many may ask at once. */
	HASHER_PASSES = 3,
	HASHER_KIB = 19456,
	HASHER_SALT = 16,
	HASHER_BYTES = 32,
};

struct hasher {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct hasher_job *first, **last; /* guarded by lock */
	size_t waiting;
	bool stop;
	pthread_t threads[HASHER_THREADS_MAX];
	unsigned count;
};

bool hasher_knows(const char *hash)
{
	static const char *const prefixes[] = {"$argon2id$", "$2a$", "$2b$", "$2y$", "$y$"};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strncmp(hash, prefixes[i], strlen(prefixes[i])) == 0)
			return strlen(hash) < CRYPT_OUTPUT_SIZE;
	return false;
}

bool hasher_verify(const char *hash, const char *password, size_t len)
{
	struct crypt_data *data;
	const char *made;
	bool right;

	if (strncmp(hash, "$argon2id$", 10) == 0)
		return argon2id_verify(hash, password, len) == ARGON2_OK;
	data = calloc(1, sizeof(*data)); /* 32 KiB */
	if (!data)
		return false;
	made = crypt_rn(password, hash, data, sizeof(*data));
	right = made && strlen(made) == strlen(hash) &&
		CRYPTO_memcmp(made, hash, strlen(hash)) == 0;
	OPENSSL_cleanse(data, sizeof(*data));
	free(data);
	return right;
}

int hasher_make(const char *password, size_t len, char *out, size_t size)
{
	uint8_t salt[HASHER_SALT];

	if (getrandom(salt, sizeof(salt), 0) != (ssize_t)sizeof(salt))
		return -1;
	return argon2id_hash_encoded(HASHER_PASSES, HASHER_KIB, 1, password, len, salt,
				     sizeof(salt), HASHER_BYTES, out, size) == ARGON2_OK
		       ? 0
		       : -1;
}

static void hasher_answer(struct hasher_job *job)
{
	OPENSSL_cleanse(job->password, sizeof(job->password));
	loop_post(job->loop, &job->answer);
}

static void *hasher_run(void *arg)
{
	struct hasher *h = arg;

	(void)pthread_mutex_lock(&h->lock); /* never fails, here and below */
	while (!h->stop) {
		struct hasher_job *job = h->first;

		if (!job) {
			(void)pthread_cond_wait(&h->wake, &h->lock);
			continue;
		}
		h->first = job->next;
		if (!h->first)
			h->last = &h->first;
		h->waiting--;
		(void)pthread_mutex_unlock(&h->lock);
		job->right = hasher_verify(job->hash, job->password, job->len);
		hasher_answer(job);
		(void)pthread_mutex_lock(&h->lock);
	}
	(void)pthread_mutex_unlock(&h->lock);
	return NULL;
}

struct hasher *hasher_new(unsigned threads)
{
	struct hasher *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->last = &h->first;
	(void)pthread_mutex_init(&h->lock, NULL); /* neither fails on Linux */
	(void)pthread_cond_init(&h->wake, NULL);
	while (h->count < threads && h->count < HASHER_THREADS_MAX &&
	       pthread_create(&h->threads[h->count], NULL, hasher_run, h) == 0)
		h->count++;
	if (!h->count)
		hasher_free(&h);
	return h;
}

void hasher_stop(struct hasher *h)
{
	if (!h)
		return;
	(void)pthread_mutex_lock(&h->lock);
	h->stop = true;
	(void)pthread_cond_broadcast(&h->wake);
	(void)pthread_mutex_unlock(&h->lock);
	while (h->count)
		(void)pthread_join(h->threads[--h->count], NULL); /* ours, and joined once */
	for (struct hasher_job *job = h->first, *next; job; job = next) {
		next = job->next;
		hasher_answer(job);
	}
	h->first = NULL;
}

void hasher_free(struct hasher **hasher)
{
	struct hasher *h = *hasher;

	*hasher = NULL;
	if (!h)
		return;
	(void)pthread_mutex_destroy(&h->lock);
	(void)pthread_cond_destroy(&h->wake);
	free(h);
}

bool hasher_ask(struct hasher *h, struct hasher_job *job)
{
	bool room;

	job->right = false;
	job->next = NULL;
	(void)pthread_mutex_lock(&h->lock);
	room = !h->stop && h->waiting < HASHER_WAITING_MAX;
	if (room) {
		*h->last = job;
		h->last = &job->next;
		h->waiting++;
		(void)pthread_cond_signal(&h->wake);
	}
	(void)pthread_mutex_unlock(&h->lock);
	return room;
}
