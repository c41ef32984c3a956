/* users: who buys in the example shop. GET /users, GET /users/{id}. */
#include "tests/shop/shop.h"

/* clang-format off */
static const struct shop_record users[] = {
	{"7", NULL, JSON({"id": 7, "name": "Grace Hopper", "city": "Arlington"})},
	{"12", NULL, JSON({"id": 12, "name": "Alan Turing", "city": "Wilmslow"})},
	{"56", NULL, JSON({"id": 56, "name": "Ada Lovelace", "city": "London"})},
};
/* clang-format on */
enum { USER_COUNT = sizeof(users) / sizeof(users[0]) };

static void list_users(struct shop_call *call)
{
	shop_reply_list(call, users, USER_COUNT, NULL);
}

static void get_user(struct shop_call *call)
{
	shop_reply_record(call, users, USER_COUNT);
}

int main(int argc, char **argv)
{
	static const struct shop_route routes[] = {
		{"GET", "/users", list_users},
		{"GET", "/users/{id}", get_user},
	};
	static const struct shop shop = {"users", routes, sizeof(routes) / sizeof(routes[0])};

	return shop_run(&shop, argc, argv);
}
