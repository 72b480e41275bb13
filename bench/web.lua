-- SPDX-License-Identifier: MIT
-- web.lua — what wrk sends to the servers of bench/web.py: 177 bytes of JSON.
wrk.method = "POST"
wrk.body = '{"name": "Darjeeling, first flush", "price": 12.5, "qty": 3, ' ..
  '"tags": ["tea", "black", "loose"], "note": "Picked in March, dry, light, ' ..
  'and a little floral; keeps for two years."}'
wrk.headers["Content-Type"] = "application/json"
