-- Which filling of the cart an attempt ordered, so that it is emptied once and what was added since stays.
ALTER TABLE checkout_attempt ADD COLUMN cart_generation text;

-- When the buyer was told; the job may run more than once.
ALTER TABLE sales_order ADD COLUMN confirmation_sent_at timestamptz;
