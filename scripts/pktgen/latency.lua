-- SPDX-License-Identifier: BSD-3-Clause
-- Latency at 80 % of the loss-free rate. Two gateways, back to back: Pktgen's probes carry their time
-- inside the packet, so they must come back in clear (guide: two boxes).
--   pktgen … -f scripts/pktgen/latency.lua
-- PKTGEN_OCTETS of the inner packet (64), PKTGEN_SAMPLES (10000), PKTGEN_SECONDS a trial (10).

package.path = package.path .. ";scripts/pktgen/?.lua;?.lua"
local gateway = require("gateway")

local octets = tonumber(os.getenv("PKTGEN_OCTETS") or "64")
local samples = tonumber(os.getenv("PKTGEN_SAMPLES") or "10000")
local seconds = tonumber(os.getenv("PKTGEN_SECONDS") or "10")
local file = os.getenv("PKTGEN_FILE") or "latency.txt"
local from, to = gateway.inside, gateway.outside
local LOAD = 0.8

pktgen.screen("off")
gateway.need_links()
gateway.send_clear(octets)
local rate = gateway.loss_free(from, to, seconds, 0)
assert(rate, "packets are lost at every rate: see the counters of both gateways")
pktgen.latency(from, "rate", 1000) -- a probe every 1000 microseconds
pktgen.latency(from, "enable")
pktgen.latency(to, "enable")
pktgen.latsampler_params(to, "simple", samples, math.ceil(samples / seconds), file)
pktgen.latsampler(to, "on")
local tried = gateway.trial(from, to, rate * LOAD, seconds)
pktgen.latsampler(to, "off")
pktgen.latency(from, "disable")
pktgen.latency(to, "disable")
print(string.format("loss-free %.1f %% of the line; at %.1f %%: %d sent, %d came; samples in %s",
  rate, rate * LOAD, tried.sent, tried.came, file))
pktgen.screen("on")
