-- SPDX-License-Identifier: MIT
-- Sixteen requests in one write, for wrk.
init = function(args)
   local one = {}
   for i = 1, 16 do
      one[i] = wrk.format()
   end
   all = table.concat(one)
end

request = function()
   return all
end
