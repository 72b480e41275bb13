-- SPDX-License-Identifier: MIT
-- schema.sql — what the program reads: 10,000 numbers, and sayings of which
-- one would be a program and one is not in Latin letters.
DROP TABLE IF EXISTS world, fortune;

CREATE TABLE world (id int PRIMARY KEY, randomnumber int NOT NULL);
INSERT INTO world
    SELECT id, 1 + floor(random() * 10000)::int
    FROM generate_series(1, 10000) AS id;

CREATE TABLE fortune (id int PRIMARY KEY, message varchar(2048) NOT NULL);
INSERT INTO fortune (id, message) VALUES
    (1, 'A cache is a promise to be wrong later.'),
    (2, 'Whoever counts twice finds two numbers.'),
    (3, 'The queue is never as short as it looks.'),
    (4, 'Nobody has read the log until it is full.'),
    (5, 'Every timeout was once somebody''s guess.'),
    (6, 'Two hard things: names, caches & counting.'),
    (7, 'A benchmark measures who has written it.'),
    (8, 'Slow is a kind of wrong.'),
    (9, 'Locks keep honest threads honest.'),
    (10, '10 < 9, if you compare texts.'),
    (11, '<script>alert("This must not run.");</script>'),
    (12, '枠組みの速さくらべ');

ANALYZE world, fortune;
