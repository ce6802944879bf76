-- SPDX-License-Identifier: BSD-3-Clause
-- What the scripts share: the gateway of configs/bench.conf as Pktgen sees it, frames for it, and trials.
-- For Pktgen-DPDK 26.02 and later (pktgen.portStats() with `curr`).

local gateway = {}

-- Ports of Pktgen, by number: `inside` is wired to in0, `outside` to out0.
gateway.inside = tonumber(os.getenv("PKTGEN_INSIDE") or "0")
gateway.outside = tonumber(os.getenv("PKTGEN_OUTSIDE") or "1")
-- MACs of the gateway's ports: `penstock show ports` tells them.
gateway.in0_mac = os.getenv("PENSTOCK_IN0_MAC") or "02:00:00:00:00:11"
gateway.out0_mac = os.getenv("PENSTOCK_OUT0_MAC") or "02:00:00:00:00:12"
-- The neighbours that configs/bench.conf names.
gateway.host = { mac = "02:00:00:00:01:09", address = "10.1.0.9" }
gateway.peer = { mac = "02:00:00:00:00:09", address = "192.0.2.9" }
-- Behind the peer: the remote_ts of SA "a".
gateway.first_behind, gateway.last_behind = "10.2.0.1", "10.2.0.64"
gateway.first_port, gateway.last_port = 1024, 1087

-- Of a frame as Pktgen counts it: Ethernet header, inner packet, and the frame check sequence.
gateway.around_a_packet = 14 + 4

-- Clear packets of so many octets (IP header and all) from behind in0, 64 flows over SA "a".
function gateway.send_clear(octets)
  local port = gateway.inside
  local frame = octets + gateway.around_a_packet
  assert(frame >= 64, "Ethernet pads frames below 64 octets: inner packets have 46 or more")
  local function constant(set, value, none)
    set(port, "start", value)
    set(port, "inc", none)
    set(port, "min", value)
    set(port, "max", value)
  end
  local range = pktgen.range
  constant(range.dst_mac, gateway.in0_mac, "00:00:00:00:00:00")
  constant(range.src_mac, gateway.host.mac, "00:00:00:00:00:00")
  constant(range.src_ip, gateway.host.address, "0.0.0.0")
  constant(range.dst_port, 2000, 0)
  constant(range.pkt_size, frame, 0)
  range.set_type(port, "ipv4")
  range.ip_proto(port, "udp")
  range.dst_ip(port, "start", gateway.first_behind)
  range.dst_ip(port, "inc", "0.0.0.1")
  range.dst_ip(port, "min", gateway.first_behind)
  range.dst_ip(port, "max", gateway.last_behind)
  range.src_port(port, "start", gateway.first_port)
  range.src_port(port, "inc", 1)
  range.src_port(port, "min", gateway.first_port)
  range.src_port(port, "max", gateway.last_port)
  pktgen.set_range(port, "on")
  -- Probes of latency are made from the single packet.
  pktgen.set_mac(port, "dst", gateway.in0_mac)
  pktgen.set_mac(port, "src", gateway.host.mac)
  pktgen.set_type(port, "ipv4")
  pktgen.set_proto(port, "udp")
  pktgen.set_ipaddr(port, "dst", gateway.first_behind)
  pktgen.set_ipaddr(port, "src", gateway.host.address .. "/16")
  pktgen.set(port, "sport", gateway.first_port)
  pktgen.set(port, "dport", 2000)
  pktgen.set(port, "size", frame)
end

-- ESP of the peer from the file that was given with -s OUTSIDE:esp.pcap.
function gateway.send_sealed()
  pktgen.pcap(gateway.outside, "on")
end

local function packets(port)
  return pktgen.portStats(port)[port].curr
end

-- One trial: `rate` percent of the line for `seconds`, then time for the last packets to come back.
-- Returns what was sent and what came, and how many came a second.
function gateway.trial(from, to, rate, seconds)
  pktgen.set(from, "count", 0)
  pktgen.set(from, "rate", rate)
  pktgen.clr()
  pktgen.delay(200)
  local before = { sent = packets(from).opackets, came = packets(to).ipackets }
  pktgen.start(from)
  pktgen.delay(math.floor(seconds * 1000))
  pktgen.stop(from)
  pktgen.delay(500)
  local sent = packets(from).opackets - before.sent
  local came = packets(to).ipackets - before.came
  return { sent = sent, came = came, mpps = came / seconds / 1e6 }
end

-- The highest rate, to a tenth of a percent of the line, at which at most `tolerance` of the packets
-- is lost (RFC 2544 §26.1; tolerance 0 is its throughput). Returns it with its trial, or nil.
function gateway.loss_free(from, to, seconds, tolerance)
  local low, high, best = 0, 100, nil
  local rate = high
  while high - low > 0.1 do
    local tried = gateway.trial(from, to, rate, seconds)
    if tried.sent > 0 and tried.sent - tried.came <= tolerance * tried.sent then
      low, best = rate, tried
      if rate == 100 then break end
    else
      high = rate
    end
    rate = (low + high) / 2
  end
  return best and low, best
end

-- Ports that are up, or an error that says which is not.
function gateway.need_links()
  for _, port in ipairs({ gateway.inside, gateway.outside }) do
    local state = pktgen.linkState(port)[port]
    assert(not state:lower():find("down"), "port " .. port .. " of Pktgen has no link: " .. state)
  end
end

return gateway
