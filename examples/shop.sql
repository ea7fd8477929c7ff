-- A shop's database, before it has a single row: neotype inspect examples/shop.sql
CREATE TYPE tier AS ENUM ('basic', 'plus', 'pro');

CREATE TABLE customers (
  customer_id  SERIAL PRIMARY KEY,
  full_name    VARCHAR(80) NOT NULL,
  email        VARCHAR(120) UNIQUE NOT NULL,
  phone        VARCHAR(30),
  city         VARCHAR(60),
  born         DATE,
  tier         tier NOT NULL DEFAULT 'basic',
  visits       INT NOT NULL CHECK (visits >= 0),
  active       BOOLEAN NOT NULL DEFAULT true,
  joined       DATE NOT NULL,
  last_seen    DATE NOT NULL,
  CHECK (joined <= last_seen)
);

CREATE TABLE orders (
  order_id     BIGSERIAL PRIMARY KEY,
  customer_id  INT NOT NULL REFERENCES customers (customer_id),
  status       TEXT NOT NULL CHECK (status IN ('open', 'paid', 'shipped', 'returned')),
  quantity     INT NOT NULL CHECK (quantity BETWEEN 1 AND 20),
  unit_price   NUMERIC(8, 2) NOT NULL CHECK (unit_price > 0),
  total        NUMERIC(10, 2) GENERATED ALWAYS AS (quantity * unit_price) STORED,
  ordered_at   TIMESTAMPTZ NOT NULL DEFAULT now()
);
