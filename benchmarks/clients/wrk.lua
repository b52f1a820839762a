-- wrk's requests and its figures: wrk -s wrk.lua URL -- METHOD PIPELINED BODY-BYTES
local batch

function init(args)
   wrk.method = args[1] or "GET"
   local size = tonumber(args[3] or 0)
   if size > 0 then
      wrk.headers["Content-Type"] = "application/octet-stream"
      wrk.body = string.rep("x", size)
   end
   local one = wrk.format()
   local times = tonumber(args[2] or 1)
   if times > 1 then
      batch = string.rep(one, times)
      request = function() return batch end
   end
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      "figures requests=%d bytes=%d duration_us=%d p50_us=%d p99_us=%d" ..
      " connect=%d read=%d write=%d status=%d timeout=%d\n",
      summary.requests, summary.bytes, summary.duration, latency:percentile(50), latency:percentile(99),
      errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
