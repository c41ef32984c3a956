/*
 * orders: what was bought in the example shop. GET /orders, GET
 * /orders?user={id}, GET /orders/{id}, and POST /orders, which answers with
 * what it was given and keeps nothing.
 *
 * An order names its customer and its products by key only: joining them is
 * somebody else's work.
 */
#include "tests/shop/shop.h"

/* clang-format off */
static const struct shop_record orders[] = {
	{"1", "56", JSON({"id": 1, "description": "A study for two", "customerId": 56, "lines":
		[{"product": "desk", "quantity": 1, "price": 420.50},
		{"product": "chair", "quantity": 2, "price": 178.00}], "total": 598.50})},
	{"2", "7", JSON({"id": 2, "description": "Light to read by", "customerId": 7, "lines":
		[{"product": "lamp", "quantity": 1, "price": 35.10}], "total": 35.10})},
	{"3", "56", JSON({"id": 3, "description": "One more chair", "customerId": 56, "lines":
		[{"product": "chair", "quantity": 1, "price": 89.00}], "total": 89.00})},
};
/* clang-format on */
enum { ORDER_COUNT = sizeof(orders) / sizeof(orders[0]) };

static void list_orders(struct shop_call *call)
{
	shop_reply_list(call, orders, ORDER_COUNT, shop_query(call, "user"));
}

static void get_order(struct shop_call *call)
{
	shop_reply_record(call, orders, ORDER_COUNT);
}

static void create_order(struct shop_call *call)
{
	if (!*call->body) {
		shop_fail(call, 400, "an order as JSON is needed");
		return;
	}
	shop_reply(call, 201, call->body);
	shop_header(call, "Location", "/orders/4");
}

int main(int argc, char **argv)
{
	static const struct shop_route routes[] = {
		{"GET", "/orders", list_orders},
		{"GET", "/orders/{id}", get_order},
		{"POST", "/orders", create_order},
	};
	static const struct shop shop = {"orders", routes, sizeof(routes) / sizeof(routes[0])};

	return shop_run(&shop, argc, argv);
}
