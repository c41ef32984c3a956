/*
 * access_flags: what happened to a request, in the two or three letters of
 * the access log (after Envoy's response flags).
 */
#ifndef MICROREG_GATEWAY_ACCESS_FLAGS_H
#define MICROREG_GATEWAY_ACCESS_FLAGS_H

/* X(name, bit, meaning) */
#define ACCESS_FLAGS(X)                                   \
	X(NR, 0, "no route")                              \
	X(UH, 1, "no instance known or healthy")          \
	X(UF, 2, "connect to instances failed")           \
	X(UO, 3, "overflow: too many requests in flight") \
	X(UT, 4, "the service took too long")             \
	X(URX, 5, "tries were spent")                     \
	X(RL, 6, "rate limited")                          \
	X(UA, 7, "unauthorized")                          \
	X(SI, 8, "stale cached reply")                    \
	X(DR, 9, "the route's default reply")             \
	X(BK, 10, "backup service")                       \
	X(DC, 11, "the client went away")                 \
	X(HG, 12, "a second request was sent, because the first took long")

enum access_flag {
#define ACCESS_FLAG_ENUM(name, bit, meaning) ACCESS_##name = 1 << (bit),
	ACCESS_FLAGS(ACCESS_FLAG_ENUM)
#undef ACCESS_FLAG_ENUM
};

#endif
