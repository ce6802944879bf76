-- SPDX-License-Identifier: BSD-3-Clause
-- The loss-free rate by size: clear packets into in0 that come back out of out0 as ESP, and then the
-- frames of esp.pcap into out0 that come back out of in0 in clear, if PKTGEN_INBOUND is set.
--   pktgen … -f scripts/pktgen/throughput.lua
-- PKTGEN_SECONDS a trial (10), PKTGEN_TOLERANCE as a part of the packets (0).

package.path = package.path .. ";scripts/pktgen/?.lua;?.lua"
local gateway = require("gateway")

local seconds = tonumber(os.getenv("PKTGEN_SECONDS") or "10")
local tolerance = tonumber(os.getenv("PKTGEN_TOLERANCE") or "0")
local sizes = { 64, 128, 256, 512, 1024, 1420 } -- octets of the inner packet

local function tell(way, octets, rate, tried)
  if not rate then
    print(string.format("%-4s %6s  loses packets at every rate", way, octets))
    return
  end
  local gbps = type(octets) == "number" and string.format("%8.2f", tried.mpps * octets * 8 / 1000) or "       -"
  print(string.format("%-4s %6s %7.1f %9.3f %s", way, octets, rate, tried.mpps, gbps))
end

pktgen.screen("off")
gateway.need_links()
print("way  octets  % line      Mpps   Gbit/s (inner)")
for _, octets in ipairs(sizes) do
  gateway.send_clear(octets)
  tell("out", octets, gateway.loss_free(gateway.inside, gateway.outside, seconds, tolerance))
end
if os.getenv("PKTGEN_INBOUND") then
  gateway.send_sealed()
  tell("in", "file", gateway.loss_free(gateway.outside, gateway.inside, seconds, tolerance))
end
pktgen.screen("on")
