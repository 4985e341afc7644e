-- One filling of a cart is at most one order, whatever number of pages it is submitted from; one that was declined or
-- expired does not count. Orders from before have no generation, and nulls never clash.
ALTER TABLE sales_order ADD COLUMN cart_generation text;
CREATE UNIQUE INDEX sales_order_cart ON sales_order (store_id, cart_token, cart_generation)
    WHERE state IN ('pending', 'placed');

-- From an order to its attempt: who has the cart, and whose cart is emptied by the order's job.
CREATE INDEX checkout_attempt_order ON checkout_attempt (store_id, order_id);
