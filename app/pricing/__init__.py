"""What things cost: price lists, markups, special prices, and the price a buyer sees."""
