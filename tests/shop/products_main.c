/*
 * products: what the example shop sells. GET /products, GET /products/{item}.
 *
 * Prices change rarely, so the replies may be cached for a minute.
 */
#include "tests/shop/shop.h"

/* clang-format off */
static const struct shop_record products[] = {
	{"chair", NULL, JSON({"item": "chair", "name": "Oak chair", "price": 89.00})},
	{"desk", NULL, JSON({"item": "desk", "name": "Standing desk", "price": 420.50})},
	{"lamp", NULL, JSON({"item": "lamp", "name": "Reading lamp", "price": 35.10})},
};
/* clang-format on */
enum { PRODUCT_COUNT = sizeof(products) / sizeof(products[0]) };

static void list_products(struct shop_call *call)
{
	shop_reply_list(call, products, PRODUCT_COUNT, NULL);
	shop_header(call, "Cache-Control", "max-age=60");
}

static void get_product(struct shop_call *call)
{
	shop_reply_record(call, products, PRODUCT_COUNT);
	if (call->status == 200)
		shop_header(call, "Cache-Control", "max-age=60");
}

int main(int argc, char **argv)
{
	static const struct shop_route routes[] = {
		{"GET", "/products", list_products},
		{"GET", "/products/{item}", get_product},
	};
	static const struct shop shop = {"products", routes, sizeof(routes) / sizeof(routes[0])};

	return shop_run(&shop, argc, argv);
}
