// SPDX-License-Identifier: BSD-3-Clause
// Each kind of fault: told with file, line and setting, and all of a file together.
#include <algorithm>

#include "sample.h"

namespace penstock::config {
namespace {

struct Spoiled {
  std::string_view name;
  std::string_view from;
  std::string_view to;
  std::string_view wanted;  ///< all that is told, but for the last line end
};

class Faults : public testing::TestWithParam<Spoiled> {};

TEST_P(Faults, AreTold) {
  EXPECT_EQ(told(with(GetParam().from, GetParam().to)), std::string(GetParam().wanted) + "\n");
}

constexpr std::string_view kEncKey = "enc_key = \"000102030405060708090a0b0c0d0e0f10111213\";";

constexpr Spoiled kSchema[] = {
    {"UnknownSetting", "queues = 1;", "queus = 1;",
     "dataplane.ports[0].queus: unknown setting; did you mean 'queues'?"},
    {"UnknownWithoutGuess", "queues = 1;", "colour = 1;",
     "dataplane.ports[0].colour: unknown setting"},
    {"UnknownAtTheRoot", "control = {", "kontrol = {",
     "kontrol: unknown setting; did you mean 'control'?"},
    {"WrongKind", "mtu = 1500", "mtu = \"1500\"",
     "dataplane.ports[0].mtu: an integer is wanted, and a text is there"},
    {"GroupWanted", "control = { socket = \"/run/penstock/test.sock\"; jobs = 2; };",
     "control = 3;", "control: a group { } is wanted, and an integer is there"},
    {"ListWanted",
     "neighbors = ( { port = \"wan\"; address = \"192.0.2.9\"; mac = "
     "\"02:00:00:00:00:09\"; } );",
     "neighbors = { };", "dataplane.neighbors: a list ( ) is wanted, and a group { } is there"},
    {"GroupsOfAListWanted", "neighbors = ( {", "neighbors = ( 7, {",
     "dataplane.neighbors[0]: a group { } is wanted, and an integer is there"},
    {"OutOfRange", "mtu = 1500", "mtu = 100", "dataplane.ports[0].mtu: 100 is not in 576 to 9600"},
    {"NoneOfTheWords", "side = \"outside\"; mtu", "side = \"out\"; mtu",
     "dataplane.ports[0].side: 'out' is none of `inside`, `outside`"},
    {"Missing", "device = \"0000:3b:00.0\";", "", "dataplane.ports[1].device: is missing"},
    {"IntegerThatWraps", "jobs = 2", "jobs = 4294967298",
     "jobs: the number does not fit 31 bits and would wrap: put it in quotes"},
    {"BadFlag", "encap = true", "encap = 1",
     "manual_sas[1].encap: true or false is wanted, and an integer is there"},
    {"BadDuration", "dpd_delay = \"30s\"", "dpd_delay = \"30 seconds\"",
     "connections.branch.dpd_delay: '30 seconds' is no duration: seconds, or a number with s, m, h "
     "or d"},
    {"BadSize", "rekey_bytes = \"10G\"", "rekey_bytes = \"10T\"",
     "connections.branch.children.net.rekey_bytes: '10T' is no size: octets, or a number with K, M "
     "or G"},
    {"SizeOver64Bits", "rekey_bytes = \"10G\"", "rekey_bytes = \"18446744073709551615K\"",
     "connections.branch.children.net.rekey_bytes: '18446744073709551615K' is over 64 bits"},
    {"UnitsOnlyForOctets", "rekey_packets = 1000000", "rekey_packets = \"1M\"",
     "connections.branch.children.net.rekey_packets: '1M' is not a number"},
    {"Negative", "rekey_packets = 1000000", "rekey_packets = -1",
     "connections.branch.children.net.rekey_packets: it is negative"},
};

constexpr Spoiled kDataplane[] = {
    {"PortName", "name = \"lan\"", "name = \"wan\"",
     "dataplane.ports[1].name: the port name 'wan' is used already, by dataplane.ports[0].name"},
    {"Device", "device = \"0000:3b:00.0\"", "device = \"net_af_packet0,iface=v1\"",
     "dataplane.ports[1].device: the device 'net_af_packet0' is used already, by "
     "dataplane.ports[0].device"},
    {"DeviceOfNoKind", "device = \"0000:3b:00.0\"", "device = \"eth0\"",
     "dataplane.ports[1].device: 'eth0' is neither a PCI address (0000:3b:00.0) nor a vdev "
     "(net_…)"},
    {"SameNetwork", "10.1.0.1/24", "192.0.2.2/24",
     "dataplane.ports[1].addresses: the network '192.0.2.0/24' is used already, by "
     "dataplane.ports[0].addresses"},
    {"NetworksOwnAddress", "10.1.0.1/24", "10.1.0.0/24",
     "dataplane.ports[1].addresses: 10.1.0.0/24 is the network's own or its broadcast address"},
    {"NoHostsAddress", "10.1.0.1/24", "224.0.0.1/24",
     "dataplane.ports[1].addresses: 224.0.0.1 is no address of a host"},
    {"Ipv6Group", "10.1.0.1/24", "ff0e::1/64",
     "dataplane.ports[1].addresses: ff0e::1 is no address of a host"},
    {"Ipv6Anycast", "10.1.0.1/24", "2001:db8::/64",
     "dataplane.ports[1].addresses: 2001:db8::/64 is the subnet-router anycast address"},
    {"NextHopOfTheOtherVersion", "via = \"192.0.2.9\"", "via = \"2001:db8::9\"",
     "dataplane.routes[0].via: 2001:db8::9 is not of the IP version of 10.2.0.0/16"},
    {"VlanOfNoPort", "routes = (",
     "vlans = ( { name = \"v7\"; port = \"dmz\"; id = 7; side = \"inside\"; } ); routes = (",
     "dataplane.vlans[0].port: there is no port 'dmz'"},
    {"VlanNumber", "routes = (",
     "vlans = ( { name = \"v7\"; port = \"wan\"; id = 4095; side = \"inside\"; } ); routes = (",
     "dataplane.vlans[0].id: 4095 is not in 1 to 4094"},
    {"VlanTwice", "routes = (",
     "vlans = ( { name = \"v7\"; port = \"wan\"; id = 7; side = \"inside\"; }, { name = \"v8\"; "
     "port = \"wan\"; id = 7; side = \"inside\"; } ); routes = (",
     "dataplane.vlans[1].id: the VLAN '7 of wan' is used already, by dataplane.vlans[0].id"},
    {"VlanNamedAsAPort", "routes = (",
     "vlans = ( { name = \"lan\"; port = \"wan\"; id = 7; side = \"inside\"; } ); routes = (",
     "dataplane.vlans[0].name: the port name 'lan' is used already, by dataplane.ports[1].name"},
    {"VlanMtu", "routes = (",
     "vlans = ( { name = \"v7\"; port = \"wan\"; id = 7; side = \"inside\"; mtu = 9000; } ); "
     "routes = (",
     "dataplane.vlans[0].mtu: 9000 is above the 1500 of port 'wan'"},
    {"VlanWithAPortsNetwork", "routes = (",
     "vlans = ( { name = \"v7\"; port = \"wan\"; id = 7; side = \"inside\"; addresses = "
     "[\"10.1.0.2/24\"]; } ); routes = (",
     "dataplane.vlans[0].addresses: the network '10.1.0.0/24' is used already, by "
     "dataplane.ports[1].addresses"},
    {"RouteOfNoPort", "via = \"192.0.2.9\"; port = \"wan\"", "via = \"192.0.2.9\"; port = \"dmz\"",
     "dataplane.routes[0].port: there is no port or VLAN 'dmz'"},
    {"NextHopOffLink", "via = \"192.0.2.9\"", "via = \"192.0.3.9\"",
     "dataplane.routes[0].via: 192.0.3.9 is in no network of port 'wan' and no neighbour of it"},
    {"NextHopOurselves", "via = \"192.0.2.9\"", "via = \"192.0.2.1\"",
     "dataplane.routes[0].via: 192.0.2.1 is an address of ours"},
    {"HostBits", "to = \"10.2.0.0/16\"", "to = \"10.2.0.1/16\"",
     "dataplane.routes[0].to: '10.2.0.1/16' has host bits set; the prefix is 10.2.0.0/16"},
    {"SameDestination", "routes = (", "routes = ( { to = \"10.2.0.0/16\"; port = \"lan\"; },",
     "dataplane.routes[1].to: the destination '10.2.0.0/16' is used already, by "
     "dataplane.routes[0].to"},
    {"NeighbourOfNoPort", "neighbors = ( { port = \"wan\"", "neighbors = ( { port = \"moon\"",
     "dataplane.neighbors[0].port: there is no port or VLAN 'moon'"},
    {"GroupMac", "02:00:00:00:00:09", "03:00:00:00:00:09",
     "dataplane.neighbors[0].mac: a group address is no neighbour's"},
    {"NoWorker", "workers = [1, 2]", "workers = []",
     "dataplane.workers: there is no worker: nothing would be forwarded"},
    {"OwnEalArgument", "\"--in-memory\"", "\"--lcores=0@0\"",
     "dataplane.eal: '--lcores=0@0' is made from dataplane.workers"},
    {"FilePrefix", "file_prefix = \"test\"", "file_prefix = \"a/b\"",
     "dataplane.file_prefix: letters, digits, '_', '-' and '.' are wanted, 64 at most"},
    {"CryptodevWithoutDevices", "engine = \"ipsec-mb\"", "engine = \"cryptodev\"",
     "dataplane.crypto.engine: it needs devices: PCI addresses, or vdevs as \"crypto_openssl0\""},
    {"CryptoDeviceTwice", "engine = \"ipsec-mb\"; devices = []",
     "engine = \"cryptodev\"; devices = [\"crypto_openssl0\", \"crypto_openssl0,x=1\"]",
     "dataplane.crypto.devices: device 'crypto_openssl0' is used already, by "
     "dataplane.crypto.devices"},
    {"UnknownEngine", "engine = \"ipsec-mb\"", "engine = \"magic\"",
     "dataplane.crypto.engine: 'magic' is none of `ipsec-mb`, `cryptodev`, `openssl`"},
    {"EmptySocket", "socket = \"/run/penstock/test.sock\"", "socket = \"\"",
     "control.socket: a path of 1 to 107 octets is wanted"},
};

constexpr Spoiled kManual[] = {
    {"KeyTooShort", kEncKey, "enc_key = \"000102030405060708090a0b0c0d0e0f\";",
     "manual_sas[0].enc_key: aes128gcm16 (with 4 of salt) takes 20 octets, and 16 are there"},
    {"AuthKeyTooShort", "3c3d3e3f", "",
     "manual_sas[1].auth_key: sha256 takes 32 octets, and 28 are "
     "there"},
    {"AuthKeyOfAnAead", "auth_key = \"\"", "auth_key = \"00\"",
     "manual_sas[0].auth_key: the proposal has no integrity algorithm of its own"},
    {"KeyNoHex", kEncKey, "enc_key = \"swordfish\";",
     "manual_sas[0].enc_key: it is not hexadecimal with whole octets\n"
     "manual_sas[0].enc_key: aes128gcm16 (with 4 of salt) takes 20 octets, and 0 are there"},
    {"KeyTwice",
     "proposal = \"aes256-sha256\"; replay_window = 128; encap = true;\n"
     "    enc_key = \"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\";\n"
     "    auth_key = \"202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f\";",
     "proposal = \"aes128gcm16-esn\"; enc_key = \"000102030405060708090a0b0c0d0e0f10111213\";",
     "manual_sas[1].enc_key: manual_sas[0] has this key too: every SA of either direction needs "
     "its "
     "own"},
    {"ReservedSpi", "spi = \"0x1001\"", "spi = \"0xff\"",
     "manual_sas[0].spi: SPI '0xff' is reserved (RFC 4303 §2.1)"},
    {"SpiAsNumber", "spi = \"0x1001\"", "spi = 4097",
     "manual_sas[0].spi: a text is wanted, and an integer is there"},
    {"NameTwice", "name = \"a\"; direction = \"in\"", "name = \"a\"; direction = \"out\"",
     "manual_sas[1].name: the name and direction 'a out' is used already, by manual_sas[0].name"},
    {"SpiTwice", "name = \"a\"; direction = \"in\"; spi = \"0x1002\"",
     "name = \"b\"; direction = \"out\"; spi = \"0x1001\"",
     "manual_sas[1].spi: the SPI and remote '0x00001001 192.0.2.9' is used already, by "
     "manual_sas[0].spi"},
    {"LocalNotOurs", "local = \"192.0.2.1\"; remote", "local = \"192.0.2.5\"; remote",
     "manual_sas[0].local: 192.0.2.5 is no address of an outside port"},
    {"Alternatives", "proposal = \"aes128gcm16-esn\"", "proposal = \"aes128gcm16-esn-noesn\"",
     "manual_sas[0].proposal: a manual SA has one algorithm of each type, without alternatives"},
    {"KeyExchange", "proposal = \"aes128gcm16-esn\"", "proposal = \"aes128gcm16-x25519-esn\"",
     "manual_sas[0].proposal: a manual SA has no key exchange"},
    {"AhOfACipher", "protocol = \"esp\"", "protocol = \"ah\"",
     "manual_sas[0].proposal: \"aes128gcm16\" cannot be in an AH proposal\n"
     "manual_sas[0].enc_key: AH enciphers nothing"},
    {"AhInUdp",
     "protocol = \"esp\"; mode = \"tunnel\"; spi = \"0x1001\";\n    local = \"192.0.2.1\"; remote "
     "= \"192.0.2.9\"; proposal = \"aes128gcm16-esn\";\n    enc_key = "
     "\"000102030405060708090a0b0c0d0e0f10111213\"; auth_key = \"\";",
     "protocol = \"ah\"; spi = \"0x1001\"; encap = true; local = \"192.0.2.1\";"
     "remote = \"192.0.2.9\"; proposal = \"aes128gmac\"; auth_key = \"00\";",
     "manual_sas[0].encap: AH cannot be in UDP, nor pass a NAT (RFC 3948 §1)\n"
     "manual_sas[0].auth_key: aes128gmac (with 4 of salt) takes 20 octets, and 1 are there"},
    {"TransportForOthers", "mode = \"tunnel\"", "mode = \"transport\"",
     "manual_sas[0].local_ts: transport mode is for traffic of 192.0.2.1 itself\n"
     "manual_sas[0].remote_ts: transport mode is for traffic of 192.0.2.9 itself"},
    {"DummiesOfTransportMode", "mode = \"tunnel\"", "mode = \"transport\"; dummy_packets = 5",
     "manual_sas[0].dummy_packets: dummies are sent by ESP in tunnel mode, without AH around it\n"
     "manual_sas[0].local_ts: transport mode is for traffic of 192.0.2.1 itself\n"
     "manual_sas[0].remote_ts: transport mode is for traffic of 192.0.2.9 itself"},
    {"TooManyDummies", "mode = \"tunnel\"", "dummy_packets = 1001",
     "manual_sas[0].dummy_packets: 1001 is not in 0 to 1000"},
    {"BundleOfNothing", "mode = \"tunnel\"", "bundle = \"moon\"",
     "manual_sas[0].bundle: there is no manual SA 'moon' of this direction"},
    {"BundleOfEsp", "mode = \"tunnel\"", "bundle = \"a\"",
     "manual_sas[0].bundle: a bundle is ESP inside of AH"},
    {"EsnWithoutWindow", "proposal = \"aes256-sha256\"; replay_window = 128",
     "proposal = \"aes256-sha256-esn\"; replay_window = 0",
     "manual_sas[1].replay_window: extended sequence numbers need a window (RFC 4303 §3.4.3)"},
    {"NoSelector", "local_ts = [\"10.1.0.0/16\"]", "local_ts = []",
     "manual_sas[0].local_ts: a manual SA has at least one selector"},
};

constexpr Spoiled kConnections[] = {
    {"Ikev1WithTwoSelectors", "version = 2", "version = 1",
     "connections.branch.children.net.local_ts: IKEv1 has one selector a side: make a child of "
     "each "
     "pair"},
    {"LabelsWithIkev2", "version = 2",
     "version = 2; situation = { domain = 7; secrecy_level = 1; }",
     "connections.branch.situation: only IKEv1 has labels like these: `version = 1`"},
    {"CategoriesWithoutALevel", "version = 2",
     "version = 1; situation = { domain = 7; integrity_categories = [1]; }",
     "connections.branch.situation.integrity_level: is missing: categories stand beside a level\n"
     "connections.branch.children.net.local_ts: IKEv1 has one selector a side: make a child of "
     "each pair"},
    {"LabelsOfNoDomain", "version = 2", "version = 1; situation = { secrecy_level = 1; }",
     "connections.branch.situation.domain: is missing\n"
     "connections.branch.children.net.local_ts: IKEv1 has one selector a side: make a child of "
     "each pair"},
    {"AggressiveWithIkev2", "version = 2", "version = 2; aggressive = true",
     "connections.branch.aggressive: IKEv2 has no Aggressive Mode"},
    {"PrivateGroupWithIkev2", "version = 2", "version = 2; accept_private_groups = true",
     "connections.branch.accept_private_groups: they are IKEv1's: `version = 1`"},
    {"PrivateGroupOfPhase1", "modp2048", "private32768",
     "connections.branch.proposals: not built yet: phase 1 in a private group"},
    {"PrivateGroupForIkev2", "aes128gcm16-esn\"; start", "aes128gcm16-private32768\"; start",
     "connections.branch.children.net.esp_proposals: private groups are IKEv1's"},
    {"PrivateGroupWithAPublicNumber", "version = 2",
     "version = 2; private_groups = { g = { number = 14; file = \"g.pem\"; }; }",
     "connections.branch.private_groups.g.number: 14 is not in 32768 to 65535\n"
     "connections.branch.private_groups: they are IKEv1's: `version = 1`\n"
     "connections.branch.private_groups.g.file: g.pem: No such file or directory"},
    {"AggressiveWithASecret", "version = 2", "version = 1; aggressive = true",
     "connections.branch.aggressive: with a pre-shared key whoever asks may try secrets at "
     "leisure: `aggressive_psk = true` allows it\n"
     "connections.branch.children.net.local_ts: IKEv1 has one selector a side: make a child of "
     "each pair"},
    {"ExchangeWithIkev2", "version = 2", "version = 2; exchange = \"base\"",
     "connections.branch.exchange: IKEv2 has no choice of exchanges"},
    {"TwoExchanges", "version = 2",
     "version = 0; exchange = \"base\"; aggressive = true; "
     "aggressive_psk = true",
     "connections.branch.aggressive: `exchange` says another one"},
    {"AuthenticationOnlyWithASecret", "version = 2",
     "version = 1; exchange = \"authentication_only\"",
     "connections.branch.exchange: with a pre-shared key whoever asks may try secrets at "
     "leisure: `aggressive_psk = true` allows it\n"
     "connections.branch.children.net.local_ts: IKEv1 has one selector a side: make a child of "
     "each pair"},
    {"NoVersion", "version = 2", "version = 3",
     "connections.branch.version: the version is 2 (IKEv2), 1 (IKEv1) or 0 (either)"},
    {"PublicKeyWithoutCertificate", "local = { auth = \"psk\"", "local = { auth = \"pubkey\"",
     "connections.branch.local.certs: is missing: without a certificate there is no signature of "
     "ours"},
    {"CertificateOfNoUse", "local = { auth = \"psk\"", "local = { certs = \"a\"; auth = \"psk\"",
     "connections.branch.local.certs: is for certificates, and `auth` here is psk"},
    {"TrustOfNoUse", "remote = { auth = \"psk\"", "remote = { cacerts = \"a\"; auth = \"psk\"",
     "connections.branch.remote.cacerts: is for certificates, and `auth` here is psk"},
    {"TrustAtTheWrongEnd", "local = { auth = \"psk\"", "local = { cacerts = \"a\"; auth = \"psk\"",
     "connections.branch.local.cacerts: belongs to `remote`: who is trusted for the peer"},
    {"PinnedCertificate", "remote = { auth = \"psk\"", "remote = { certs = \"a\"; auth = \"psk\"",
     "connections.branch.remote.certs: not built yet: accepting only certain certificates"},
    {"NobodyToTrust", "remote = { auth = \"psk\"", "remote = { auth = \"ecdsa\"",
     "connections.branch.remote.cacerts: there is nobody to trust: no `cacerts`, no `authorities`"},
    {"NoSuchCertificate", "remote = { auth = \"psk\"",
     "remote = { cacerts = \"nowhere.pem\"; auth = \"pubkey\"",
     "connections.branch.remote.cacerts: nowhere.pem: No such file or directory\n"
     "connections.branch.remote.cacerts: there is nobody to trust: no `cacerts`, no "
     "`authorities`"},
    {"NoSuchMethod", "local = { auth = \"psk\"", "local = { auth = \"gost\"",
     "connections.branch.local.auth: 'gost' is none of `psk`, `pubkey`, `rsa`, `rsa-sha1`, "
     "`rsa/pss`, `ecdsa`, `ed25519`, `ed448`, `dsa`, `pubkey_enc`, `pubkey_enc_revised`"},
    {"DsaWithIkev2", "local = { auth = \"psk\"", "local = { auth = \"dsa\"",
     "connections.branch.local.auth: IKEv1 alone has it: `version = 1`\n"
     "connections.branch.local.certs: is missing: without a certificate there is no signature of "
     "ours"},
    {"EncryptionWithIkev2", "remote = { auth = \"psk\"", "remote = { auth = \"pubkey_enc\"",
     "connections.branch.remote.auth: IKEv1 alone has it: `version = 1`\n"
     "connections.branch.remote.certs: one file is wanted, with the peer's certificate to encrypt "
     "for"},
    {"Fetching", "remote = { auth = \"psk\"", "remote = { revocation = \"ifuri\"; auth = \"psk\"",
     "connections.branch.remote.revocation: not built yet: fetching CRLs and OCSP responses"},
    {"PrivateKeyWithoutFile", "secrets = {", "secrets = { private-hub = { secret = \"x\"; };",
     "secrets.private-hub.file: is missing"},
    {"SecretWithoutSecret", "secrets = {", "secrets = { ike-other = { id = \"x\"; };",
     "secrets.ike-other.secret: is missing"},
    {"SecretWithFile", "secrets = {",
     "secrets = { ike-other = { secret = \"x\"; file = \"nowhere.pem\"; };",
     "secrets.ike-other.file: a pre-shared key has none"},
    {"Xauth", "remote = { auth = \"psk\"", "remote = { auth = \"xauth-pam\"",
     "connections.branch.remote.auth: not built yet: authentication by xauth"},
    {"Mobike", "version = 2;", "mobike = true;",
     "connections.branch.mobike: not built yet: MOBIKE (RFC 4555)"},
    {"Reauthentication", "version = 2;", "reauth_time = \"1h\";",
     "connections.branch.reauth_time: not built yet: reauthentication of IKEv2"},
    {"Pools", "version = 2;", "pools = \"rw\";",
     "connections.branch.pools: not built yet: address pools"},
    {"BeetMode", "start_action = \"start\";", "mode = \"beet\";",
     "connections.branch.children.net.mode: not built yet: BEET mode"},
    {"TransportForANetwork", "local_ts = \"10.1.0.0/16,10.3.0.0/16[tcp/80]\";",
     "mode = \"transport\"; local_ts = \"192.0.2.0/24[udp]\";",
     "connections.branch.children.net.remote_ts: transport mode is for traffic of the IKE SA's own "
     "addresses, which it leaves out"},
    {"AhWithACipher", "start_action = \"start\";", "ah_proposals = \"aes128-sha256\";",
     "connections.branch.children.net.ah_proposals: \"aes128\" cannot be in an AH proposal"},
    {"Bundle", "start_action = \"start\";", "bundle = true;",
     "connections.branch.children.net.bundle: IKEv2 negotiates no AH around ESP (RFC 7296 §1.7): "
     "`version = 1`, or manual_sas"},
    {"LocalNotOurs", "local_addrs = \"192.0.2.1\"", "local_addrs = \"10.1.0.1\"",
     "connections.branch.local_addrs: 10.1.0.1 is no address of an outside port"},
    {"RemoteOurs", "remote_addrs = [\"198.51.100.7\"]", "remote_addrs = \"192.0.2.1\"",
     "connections.branch.remote_addrs: 192.0.2.1 is our own address"},
    {"NobodyToDial", "remote_addrs = [\"198.51.100.7\"]", "remote_addrs = \"198.51.100.0/24\"",
     "connections.branch.children.net.start_action: remote_addrs does not begin with a single "
     "address: there is nobody to dial"},
    {"NoChildren", "children = {\n      net", "kids = {\n      net",
     "connections.branch.children: is missing\nconnections.branch.kids: unknown setting"},
    {"PassWithoutSelectors", "local_ts = \"10.1.0.0/16\"; remote_ts = \"10.1.0.0/16\"; };", "};",
     "connections.branch.children.clear.local_ts: `pass` and `drop` need it: there is no peer to "
     "say\nconnections.branch.children.clear.remote_ts: `pass` and `drop` need it: there is no "
     "peer "
     "to say"},
    {"NoSecret", "id = [\"branch.example\"]", "id = [\"other.example\"]",
     "connections.branch: there is no secret for 'branch.example' in `secrets`"},
    {"EmptySecret", "0x0102ff", "", "secrets.ike-branch.secret: the secret is empty"},
    {"SecretNoHex", "0x0102ff", "0x0102f",
     "secrets.ike-branch.secret: it is not hexadecimal with whole octets"},
    {"SecretNoBase64", "0x0102ff", "0sZm9v!mFy", "secrets.ike-branch.secret: it is not Base64"},
    {"SecretOfAnotherKind", "ike-branch", "eap-branch",
     "secrets.eap-branch: the name of a pre-shared key begins with `ike`, of a private key "
     "with `private`; other kinds are not "
     "built "
     "yet"},
    {"LifeBelowRekey", "rekey_time = \"30m\";", "rekey_time = \"30m\"; life_time = \"20m\";",
     "connections.branch.children.net.life_time: it is not above rekey_time: the SA would end "
     "before it is rekeyed"},
    {"RandomAsLongAsRekey", "rekey_time = \"2h\"", "rekey_time = \"2h\"; rand_time = \"2h\"",
     "connections.branch.rand_time: it is not below rekey_time: the SA could be rekeyed at once, "
     "for ever"},
    {"EmptyProposals", "esp_proposals = \"aes128gcm16-esn\"", "esp_proposals = []",
     "connections.branch.children.net.esp_proposals: there is no proposal"},
    {"LocalPattern", "id = \"hub.example\"", "id = \"*.example\"",
     "connections.branch.local.id: we are one: no pattern is wanted"},
    {"DscpInwards", "start_action = \"start\";", "copy_dscp = \"yes\";",
     "connections.branch.children.net.copy_dscp: not built yet: copying the outer DSCP inwards"},
    {"MssTooSmall", "start_action = \"start\";", "clamp_mss = 87;",
     "connections.branch.children.net.clamp_mss: `auto`, 0, or 88 to 65000 is wanted"},
    {"NoTtl", "start_action = \"start\";", "ttl = 0;",
     "connections.branch.children.net.ttl: 0 is not in 1 to 255"},
    {"AnotherPort", "version = 2;", "local_port = 501;",
     "connections.branch.local_port: not built yet: another port than 500 or 4500"},
    {"NatPortAtOneEnd", "version = 2;", "remote_port = 4500;",
     "connections.branch.remote_port: 4500 at one end only: both know the non-ESP marker or none "
     "does"},
};

std::string name_of_case(const testing::TestParamInfo<Spoiled>& info) {
  return std::string(info.param.name);
}
INSTANTIATE_TEST_SUITE_P(Schema, Faults, testing::ValuesIn(kSchema), name_of_case);
INSTANTIATE_TEST_SUITE_P(Dataplane, Faults, testing::ValuesIn(kDataplane), name_of_case);
INSTANTIATE_TEST_SUITE_P(ManualSas, Faults, testing::ValuesIn(kManual), name_of_case);
INSTANTIATE_TEST_SUITE_P(Connections, Faults, testing::ValuesIn(kConnections), name_of_case);

TEST(FaultsTogether, HaveFileAndLineInTheOrderOfTheFile) {
  std::string text = with("jobs = 2", "jobs = 0");
  text.replace(text.find("mtu = 1500"), 10, "mtu = 1");
  text.replace(text.find("start_action"), 12, "start_axtion");
  const std::vector<Fault> faults = faults_of(text);
  ASSERT_EQ(faults.size(), 3U);
  EXPECT_EQ(to_string(faults[0]), "test.conf:2: control.jobs: 0 is not in 1 to 64");
  EXPECT_EQ(to_string(faults[1]), "test.conf:7: dataplane.ports[0].mtu: 1 is not in 576 to 9600");
  EXPECT_EQ(to_string(faults[2]),
            "test.conf:35: connections.branch.children.net.start_axtion: unknown setting; did you "
            "mean 'start_action'?");
}

TEST(FaultsTogether, ASyntaxErrorIsToldAlone) {
  std::string text = with("jobs = 2", "jobs = 9999999999");
  text.replace(text.find("mtu = 1500"), 10, "mtu = = 1");
  const std::vector<Fault> faults = faults_of(text);
  ASSERT_EQ(faults.size(), 1U);
  EXPECT_EQ(to_string(faults[0]), "test.conf:7: syntax error");
}

TEST(FaultsTogether, AnUnknownProposalWordIsToldWithItsSetting) {
  const std::vector<Fault> faults =
      faults_of(with("aes128gcm16-prfsha256-x25519", "aes128gcm17-x25519"));
  ASSERT_EQ(faults.size(), 1U);
  EXPECT_EQ(faults[0].setting, "connections.branch.proposals");
  EXPECT_NE(faults[0].text.find("aes128gcm17"), std::string::npos) << faults[0].text;
}

TEST(FaultsTogether, TellOfMoreManualSasThanTheLimitsAllow) {
  const std::string_view one = R"({ name = "n0"; direction = "out"; spi = "0x10000";
    local = "192.0.2.1"; remote = "192.0.2.9"; proposal = "null-sha1";
    auth_key = "000102030405060708090a0b0c0d0e0f10111213";
    local_ts = "10.1.0.0/16"; remote_ts = "10.2.0.0/16"; },
)";
  std::string many;
  for (int i = 0; i < 300; ++i) {
    std::string sa(one);
    sa.replace(sa.find("0x10000"), 7, "0x1" + std::to_string(1000 + i));
    many += sa.replace(sa.find("n0"), 2, "n" + std::to_string(i));
  }
  std::string text = with("manual_sas = (", "manual_sas = (\n" + many);
  const std::string limits = "crypto = { }; limits = { sas = 256; policies = 128; };";
  const std::string_view crypto = "crypto = { engine = \"ipsec-mb\"; devices = []; };";
  text.replace(text.find(crypto), crypto.size(), limits);
  EXPECT_EQ(told(text),
            "manual_sas: 302 SAs are over dataplane.limits.sas = 256\n"
            "manual_sas: 301 pairs are not below dataplane.limits.policies = 128\n");
}

/// `count` times `word`, with commas.
std::string list_of(const std::string& word, unsigned count) {
  std::string text = word;
  for (unsigned i = 1; i < count; ++i) text += "," + word;
  return text;
}

// RFC 3948 §1; beside ESP, AH is only never taken.
TEST(FaultsTogether, TellOfAhThatIsToBeInUdp) {
  std::string text = with("dpd_delay = ", "encap = true; dpd_delay = ");
  const std::string esp = "esp_proposals = \"aes128gcm16-esn\"";
  const auto ah_for_esp = [&](const std::string& proposals) {
    std::string changed = text;
    return told(changed.replace(changed.find(esp), esp.size(), proposals));
  };
  EXPECT_EQ(ah_for_esp("ah_proposals = \"sha256\""),
            "connections.branch.children.net.ah_proposals: with `encap` all is in UDP, and AH "
            "cannot be (RFC 3948 §1)\n");
  EXPECT_EQ(ah_for_esp(esp + "; ah_proposals = \"sha256\""), "");
}

TEST(FaultsTogether, TellOfMoreThanAnIkePayloadCarries) {
  const std::string proposals = "esp_proposals = \"" + list_of("aes128gcm16", 33) + "\"";
  EXPECT_EQ(told(with("esp_proposals = \"aes128gcm16-esn\"", proposals)),
            "connections.branch.children.net.esp_proposals: 33 are too many: at most 32 are "
            "taken\n");
  const std::string selectors = "remote_ts = \"" + list_of("10.9.0.0/16", 65) + "\"; esp_";
  EXPECT_EQ(told(with("remote_ts = \"10.9.0.0/16\";\n        esp_", selectors)),
            "connections.branch.children.net.remote_ts: 65 are too many: at most 64 are taken\n");
  EXPECT_EQ(told(with("id = \"hub.example\"", "id = \"" + std::string(513, 'a') + "\"")),
            "connections.branch.local.id: 513 octets are too many: at most 512 are taken\n");
}
TEST(FaultsTogether, NeverRepeatASecret) {
  for (const Fault& fault : faults_of(with("0x0102ff", "0xsecretword")))
    EXPECT_EQ(to_string(fault).find("secretword"), std::string::npos);
}

}  // namespace
}  // namespace penstock::config
