-- What a customer has bought so far stands beside each order a merchant reads.
CREATE INDEX sales_order_customer ON sales_order (store_id, customer_id) WHERE state = 'placed';
