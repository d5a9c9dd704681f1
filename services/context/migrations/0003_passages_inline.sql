-- A passage with its embedding is longer than the 2 kB from which Postgres moves columns to the side; a ranking would fetch words and text from there for each row that it reads.
-- Rows that are there already stay as they are until they are written again.
ALTER TABLE passages SET (toast_tuple_target = 8160);
