// SPDX-License-Identifier: BSD-3-Clause
// Files, includes and what the parser alone would get wrong; the examples; the page of reference.
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "sample.h"
#include "tests/lib/authority.h"
#include "tests/lib/dh_parameters.h"

namespace penstock::config {
namespace {

namespace fs = std::filesystem;

/// A folder of its own that goes with the test.
class Files : public testing::Test {
 protected:
  Files() {
    std::string name = (fs::temp_directory_path() / "penstock-config-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~Files() override { fs::remove_all(folder_); }
  std::string write(const std::string& name, std::string_view text) {
    const fs::path path = folder_ / name;
    std::ofstream(path, std::ios::binary) << text;
    fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
    return path.string();
  }
  /// The only fault of loading the file, as it is told.
  static std::string only_fault(const std::string& file) {
    const auto settings = load(file);
    if (settings) return "none";
    return settings.error().size() == 1 ? to_string(settings.error()[0]) : "several";
  }
  fs::path folder_;
};

TEST_F(Files, ThatAreMissingAreTold) {
  const std::string file = (folder_ / "none.conf").string();
  EXPECT_EQ(only_fault(file), file + ": cannot be read: No such file or directory");
  EXPECT_EQ(only_fault(folder_.string()),
            folder_.string() + ": cannot be read: it is no regular file");
}

TEST_F(Files, AreIncludedBesideTheFirst) {
  write("sas.conf", "jobs = 3;");
  const auto settings = load(write("main.conf", with("jobs = 2;", "\n@include \"sas.conf\"\n")));
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->control.jobs, 3U);
}

struct Papers {
  test::Authority authority;
  test::Entity root = authority.issue({.name = "root", .authority = true});
  test::Entity middle = authority.issue({.name = "middle", .issuer = &root, .authority = true});
  test::Entity hub =
      authority.issue({.name = "hub", .issuer = &middle, .alternatives = "DNS:hub.example"});
};

constexpr std::string_view kCertified =
    "local = { auth = \"pubkey\"; certs = \"hub.pem\"; id = \"hub.example\"; };\n"
    "    remote = { auth = \"ecdsa\"; revocation = \"strict\"; id = \"branch.example\"; };";
constexpr std::string_view kSecretive =
    "local = { auth = \"psk\"; id = \"hub.example\"; };\n"
    "    remote = { auth = \"psk\"; id = \"branch.example\"; };";
constexpr std::string_view kOldSecrets =
    "secrets = { ike-branch = { id = [\"branch.example\"]; secret = \"0x0102ff\"; }; };";
constexpr std::string_view kKeys =
    "authorities = { root = { cacert = \"root.pem\"; crls = [\"root.crl\"]; }; };\n"
    "secrets = { private-hub = { file = \"hub.key\"; secret = \"open sesame\"; }; };";

/// The good sample, by certificates in place of secrets.
std::string certified() {
  std::string text = with(kSecretive, kCertified);
  return text.replace(text.find(kOldSecrets), kOldSecrets.size(), kKeys);
}

TEST_F(Files, OfCertificatesAndKeysAreReadBesideTheConfiguration) {
  Papers papers;
  write("root.pem", test::pem("CERTIFICATE", papers.root.certificate));
  write("root.crl", test::pem("X509 CRL", papers.authority.revoke(papers.root, {})));
  write("hub.pem", test::pem("CERTIFICATE", papers.hub.certificate) +
                       test::pem("CERTIFICATE", papers.middle.certificate));
  write("hub.key", test::encrypted_pem(papers.hub, "open sesame"));
  const std::string file = write("main.conf", certified());
  const auto settings = load(file);
  ASSERT_TRUE(settings) << to_string(settings.error().front());
  ASSERT_EQ(settings->connections.size(), 1U);
  const session::PeerAuth& local = settings->connections[0].local;
  ASSERT_EQ(local.credentials.size(), 1U);
  EXPECT_EQ(local.credentials[0].certificate, papers.hub.certificate);
  EXPECT_EQ(local.credentials[0].intermediates,
            std::vector<base::ByteVector>{papers.middle.certificate});
  EXPECT_EQ(local.credentials[0].authorities.size(), 2U) << "the one in the file, and the root";
  ASSERT_NE(settings->vault->key(local.credentials[0].key), nullptr);
  const session::PeerAuth& remote = settings->connections[0].remote;
  const pki::TrustSet* trust = settings->vault->trust(remote.trust);
  ASSERT_NE(trust, nullptr);
  EXPECT_EQ(trust->anchors, std::vector<base::ByteVector>{papers.root.certificate});
  EXPECT_EQ(trust->crls.size(), 1U);
  EXPECT_EQ(trust->revocation, pki::Revocation::kStrict);
  EXPECT_EQ(remote.authorities, std::vector{local.credentials[0].authorities.back()});
  EXPECT_EQ(local.credentials[0].authority_names.size(), 2U);
  ASSERT_EQ(remote.authority_names.size(), 1U);
  EXPECT_EQ(remote.authority_names[0], local.credentials[0].authority_names.back());
  EXPECT_TRUE(settings->secrets.empty()) << "the passphrase is no pre-shared key";
}

TEST_F(Files, OfThePeersCertificateAreWhatIsEncryptedFor) {
  test::Authority authority;
  const auto issue = [&](const char* name, const char* key, const char* usage) {
    return authority.issue({.name = name, .key = key, .key_usage = usage});
  };
  const test::Entity hub = issue("hub", "RSA-2048", "keyEncipherment");
  const test::Entity branch = issue("branch", "RSA-2048", "");
  write("hub.pem", test::pem("CERTIFICATE", hub.certificate));
  write("hub.key", test::encrypted_pem(hub, "open sesame"));
  std::string text = with(kSecretive,
                          "local = { auth = \"pubkey_enc\"; certs = \"hub.pem\"; id = "
                          "\"hub.example\"; };\n    remote = { auth = \"pubkey_enc\"; certs = "
                          "\"branch.pem\"; id = \"branch.example\"; };");
  text.replace(text.find(kOldSecrets), kOldSecrets.size(),
               "secrets = { private-hub = { file = \"hub.key\"; secret = \"open sesame\"; }; };");
  for (const auto& [from, to] : {std::pair<std::string, std::string>{"version = 2", "version = 1"},
                                 {"10.1.0.0/16,10.3.0.0/16[tcp/80]", "10.1.0.0/16"}})
    text.replace(text.find(from), from.size(), to);
  const auto faults = [&](const test::Entity& peer) {
    write("branch.pem", test::pem("CERTIFICATE", peer.certificate));
    const auto settings = load(write("main.conf", text));
    std::string all;
    if (!settings)
      for (const Fault& fault : settings.error()) all += fault.setting + ": " + fault.text + "\n";
    else
      EXPECT_EQ(settings->connections[0].remote.certificate, peer.certificate);
    return all;
  };
  const std::string where =
      "connections.branch.remote.certs: " + (folder_ / "branch.pem").string() + ": ";
  EXPECT_EQ(faults(branch), "");
  EXPECT_EQ(faults(issue("branch", "P-256", "")), where + "its key is of ECDSA P-256\n");
  EXPECT_EQ(faults(issue("branch", "RSA-2048", "digitalSignature")),
            where + "its key usage allows no encryption\n");
}

TEST_F(Files, OfCertificatesAndKeysThatDoNotGoTogetherAreTold) {
  Papers papers;
  write("root.pem", test::pem("CERTIFICATE", papers.root.certificate));
  write("root.crl", test::pem("X509 CRL", papers.authority.revoke(papers.root, {})));
  write("hub.pem", test::pem("CERTIFICATE", papers.hub.certificate));
  const std::string key = write("hub.key", test::encrypted_pem(papers.hub, "another"));
  const auto faults = [&] {
    const auto settings = load(write("main.conf", certified()));
    std::string all;
    if (!settings)
      for (const Fault& fault : settings.error()) all += fault.setting + ": " + fault.text + "\n";
    return all;
  };
  const std::string no_key = "connections.branch.local.certs: " + (folder_ / "hub.pem").string() +
                             ": there is no private key for CN=hub in `secrets`\n";
  EXPECT_EQ(faults(),
            no_key + "secrets.private-hub.file: " + key + ": the passphrase does not open it\n");
  write("hub.key", test::encrypted_pem(papers.middle, "open sesame"));
  EXPECT_EQ(faults(), no_key);
  write("hub.key", test::encrypted_pem(papers.hub, "open sesame"));
  std::string many = test::pem("CERTIFICATE", papers.hub.certificate);
  for (int i = 0; i < 120; ++i) many += test::pem("CERTIFICATE", papers.middle.certificate);
  write("hub.pem", many);
  EXPECT_NE(faults().find("octets of certificates: a peer is sent 32768 at most"),
            std::string::npos);
  write("hub.pem", test::pem("CERTIFICATE", papers.hub.certificate));
  write("root.crl", "rubbish");
  EXPECT_EQ(faults(),
            "authorities.root.crls: " + (folder_ / "root.crl").string() + ": not a CRL\n");
}

/// For IKEv1, with a private group of a file.
std::string with_private_group() {
  std::string text = with("10.1.0.0/16,10.3.0.0/16[tcp/80]", "10.1.0.0/16");
  constexpr std::string_view kVersion = "version = 2;";
  return text.replace(text.find(kVersion), kVersion.size(),
                      "version = 1; private_groups = { own = { number = 40000; file = "
                      "\"group.pem\"; }; };");
}

TEST_F(Files, OfPrivateGroupsAreReadBesideTheConfiguration) {
  write("group.pem", test::kDhParameters);
  const auto settings = load(write("main.conf", with_private_group()));
  ASSERT_TRUE(settings) << to_string(settings.error().front());
  const auto& groups = settings->connections.front().private_groups;
  ASSERT_EQ(groups.size(), 1U);
  EXPECT_EQ(groups.front().id(), crypto::DhGroupId{40000});
  EXPECT_EQ(groups.front().group.prime.size(), 256U);
}

TEST_F(Files, OfNoPrivateGroupAreTold) {
  const std::string file = write("main.conf", with_private_group());
  const std::string at = file + ":26: connections.branch.private_groups.own.file: ";
  const std::string group = (folder_ / "group.pem").string();
  EXPECT_EQ(only_fault(file), at + group + ": No such file or directory");
  write("group.pem", "nothing");
  EXPECT_EQ(only_fault(file), at + group + ": private group: the file has no DH PARAMETERS in PEM");
}

TEST_F(Files, ThatAreIncludedAreNamedInFaults) {
  const std::string inner = write("inner.conf", "\njobs = 0;\n");
  EXPECT_EQ(only_fault(write("main.conf", with("jobs = 2;", "\n@include \"inner.conf\"\n"))),
            inner + ":2: control.jobs: 0 is not in 1 to 64");
}

TEST_F(Files, ThatAreIncludedAreNamedInSyntaxErrors) {
  const std::string inner = write("inner.conf", "\n\njobs 0;\n");
  EXPECT_EQ(only_fault(write("main.conf", with("jobs = 2;", "\n@include \"inner.conf\"\n"))),
            inner + ":3: syntax error");
}

TEST_F(Files, ThatCannotBeIncludedAreTold) {
  const std::string file = write("main.conf", with("jobs = 2;", "\n@include \"none.conf\"\n"));
  EXPECT_EQ(only_fault(file), file + ":3: cannot include '" + (folder_ / "none.conf").string() +
                                  "': No such file or directory");
}

// libconfig's scanner ends the process on this one.
TEST_F(Files, DoNotIncludeAFolder) {
  const std::string file =
      write("main.conf", with("jobs = 2;", "\n@include \"" + folder_.string() + "\"\n"));
  EXPECT_EQ(only_fault(file),
            file + ":3: cannot include '" + folder_.string() + "': it is no regular file");
}

TEST_F(Files, DoNotIncludeThemselvesForEver) {
  const std::string file = write("main.conf", "@include \"main.conf\"\n");
  EXPECT_EQ(only_fault(file), file + ":1: includes nest deeper than 10");
}

TEST_F(Files, EndAtNoNulOctet) {
  const std::string file = write("main.conf", std::string(kGood) + std::string("\0rest", 5));
  EXPECT_EQ(only_fault(file).substr(file.size()),
            ":43: a NUL octet: nothing after it would be read");
}

TEST_F(Files, ThatEverybodyMayReadAreWarnedOf) {
  const std::string file = write("main.conf", kGood);
  ASSERT_TRUE(load(file));
  EXPECT_TRUE(load(file)->warnings.empty());
  ASSERT_EQ(::chmod(file.c_str(), 0644), 0);
  EXPECT_EQ(load(file)->warnings.size(), 1U);
}

TEST_F(Files, ThatAreIncludedAreWarnedOfToo) {
  const std::string inner = write("inner.conf", "jobs = 2;\n");
  const std::string file = write("main.conf", with("jobs = 2;", "\n@include \"inner.conf\"\n"));
  ASSERT_TRUE(load(file));
  EXPECT_TRUE(load(file)->warnings.empty());
  ASSERT_EQ(::chmod(inner.c_str(), 0646), 0);
  const auto warnings = load(file)->warnings;
  ASSERT_EQ(warnings.size(), 2U);
  EXPECT_EQ(warnings[0].file, inner);
  EXPECT_NE(warnings[0].text.find("read"), std::string::npos);
  EXPECT_NE(warnings[1].text.find("change"), std::string::npos);
}

TEST_F(Files, AreCheckedWithAnExitStatus) {
  std::ostringstream out;
  const std::string file = write("main.conf", kGood);
  EXPECT_EQ(check_configuration(file, out), 0);
  EXPECT_EQ(out.str(), file + ": good\n");
  out.str("");
  write("main.conf", with("jobs = 2", "jobs = 0"));
  EXPECT_EQ(check_configuration(file, out), 1);
  EXPECT_EQ(out.str(), file + ":2: control.jobs: 0 is not in 1 to 64\n" + file + ": 1 fault\n");
}

TEST(Texts, WithoutAClosingQuoteAreToldAloneWithTheLineTheyBeginIn) {
  std::string text = with("jobs = 2", "jobs = 9999999999");
  text = text.substr(0, text.find("v0\"; side"));
  const std::vector<Fault> faults = faults_of(text);
  ASSERT_EQ(faults.size(), 1U);
  EXPECT_EQ(to_string(faults[0]), "test.conf:7: this text has no closing quote");
}

TEST(Numbers, AreTakenUpTo31BitsOutsideOfTextsAndComments) {
  EXPECT_EQ(told(with("# line 1", "# 99999999999\n// 99999999999\n/* 99999999999 */")), "");
  EXPECT_EQ(told(with("file_prefix = \"test\"", "file_prefix = \"99999999999\"")), "");
  EXPECT_EQ(told(with("rekey_packets = 1000000", "rekey_packets = 5000000000L")), "");
  EXPECT_EQ(told(with("rekey_packets = 1000000", "rekey_packets = 2147483647")), "");
  EXPECT_NE(told(with("rekey_packets = 1000000", "rekey_packets = 2147483648")), "");
  EXPECT_NE(told(with("rekey_packets = 1000000", "rekey_packets = 0x1FFFFFFFF")), "");
  EXPECT_NE(told(with("rekey_packets = 1000000", "rekey_packets = 99999999999999999999L")), "");
}

class Examples : public testing::TestWithParam<std::string> {};

TEST_P(Examples, AreGood) {
  std::ostringstream out;
  EXPECT_EQ(check_configuration(std::string(PENSTOCK_SOURCE_ROOT) + "/configs/" + GetParam(), out),
            0)
      << out.str();
}

INSTANTIATE_TEST_SUITE_P(Configs, Examples,
                         testing::Values("site-to-site.conf", "hub.conf", "carrier-edge.conf",
                                         "bench.conf", "bare-metal.conf", "qat.conf"),
                         [](const auto& param) {
                           std::string name;
                           for (const char c : param.param)
                             if (c != '-' && c != '.') name += c;
                           return name;
                         });

// PENSTOCK_UPDATE_DOCS=1 writes the page instead.
TEST(Reference, IsThePageInDocs) {
  const std::string path = std::string(PENSTOCK_SOURCE_ROOT) + "/docs/configuration.md";
  if (std::getenv("PENSTOCK_UPDATE_DOCS") != nullptr) {
    std::ofstream(path) << reference_as_markdown();
    return;
  }
  std::ifstream in(path);
  std::stringstream page;
  page << in.rdbuf();
  EXPECT_TRUE(page.str() == reference_as_markdown()) << "run this test with PENSTOCK_UPDATE_DOCS=1";
}

}  // namespace
}  // namespace penstock::config
