/*
 * inventory: how many of each product the example shop has. GET
 * /stock/{item}. A count is true only when it is asked for, so it is not
 * cached.
 */
#include "tests/shop/shop.h"

/* clang-format off */
static const struct shop_record stock[] = {
	{"chair", NULL, JSON({"item": "chair", "count": 14})},
	{"desk", NULL, JSON({"item": "desk", "count": 2})},
	{"lamp", NULL, JSON({"item": "lamp", "count": 0})},
};
/* clang-format on */

static void get_stock(struct shop_call *call)
{
	shop_reply_record(call, stock, sizeof(stock) / sizeof(stock[0]));
	shop_header(call, "Cache-Control", "no-store");
}

int main(int argc, char **argv)
{
	static const struct shop_route routes[] = {{"GET", "/stock/{item}", get_stock}};
	static const struct shop shop = {"inventory", routes, 1};

	return shop_run(&shop, argc, argv);
}
