"""What is sold: types, groups, categories, products, their prices, and the imports that fill them."""
