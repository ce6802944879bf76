// SPDX-License-Identifier: BSD-3-Clause
// IkeSa: one IKE SA of IKEv2 with what is under way on it. Plain data; the exchanges' files work on
// it. What only a running exchange needs hangs off it and goes when the exchange ends, so that an
// idle IKE SA stays small.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/ikev2/keys.h"
#include "control/ikev2/reassembly.h"
#include "control/isakmp/payload/notify.h"
#include "control/session/child_sa.h"
#include "control/session/signatures.h"
#include "lib/crypto/sk_cipher.h"

namespace penstock::ikev2 {

using session::IkeSpi;

enum class State : std::uint8_t {
  kStart,        ///< initiator: the key pair is being made; responder: nothing yet
  kInitSent,     ///< initiator: IKE_SA_INIT is out
  kInitDone,     ///< responder: IKE_SA_INIT is or will be answered; not authenticated
  kAuthSent,     ///< initiator: IKE_AUTH is out
  kEstablished,  ///< authenticated
  kRekeyed,      ///< another IKE SA took its children; it waits for its delete
  kDeleting,     ///< we have asked the peer to delete it
  kDead,         ///< to be erased at the end of this input
};
[[nodiscard]] std::string_view name_of(State state);

/// Where one end or both authenticate by signatures.
struct SignatureWork {
  enum class Step : std::uint8_t { kNone, kSigning, kVerifying };
  Step step = Step::kNone;  ///< the job that is under way
  session::HashSet hashes;  ///< the peer's SIGNATURE_HASH_ALGORITHMS (RFC 7427 §4)
  bool asked = false;       ///< the peer's CERTREQ wants an X.509 certificate
  std::vector<session::AuthorityHash> authorities;  ///< under one of these
  const session::Credential* credential = nullptr;  ///< ours; of the connection
  session::SignatureChoice choice;
  base::ByteVector auth;  ///< our AUTH payload's data, once it is signed
  bool stranger = false;  ///< no connection is for this peer: judged all the same, then refused
  // the message that waits for a job
  isakmp::PayloadType first = isakmp::PayloadType::kNone;
  base::SecretBytes inside;
  net::Spi child;  ///< responder: made and installed while our AUTH is signed
  isakmp::NotifyType child_refusal{};
};

/// Until IKE_AUTH is done.
struct Handshake {
  base::ByteVector ni, nr;
  base::ByteVector init_request, init_response;  ///< RealMessage1 and 2 of §2.15
  crypto::DhKeyPair pair;
  base::ByteVector peer_public;
  base::ByteVector cookie;
  base::SecretBytes sk_pi, sk_pr;
  base::ByteVector peer_id_body;  ///< RestOfIDPayload of §2.15, with the octets that it came with
  std::vector<session::Datagram> held;  ///< IKE_AUTH request, or fragments of it, until the keys
                                        ///< are there
  net::Endpoint source;                 ///< responder: of the first request
  unsigned rounds = 0;                  ///< COOKIE and INVALID_KE_PAYLOAD so far
  std::string refusal;  ///< an unauthenticated error; acted on only in time (§2.21.1)
  SignatureWork signature;
};

/// The new SA that the peer's request made while ours for the same SA was under way (§2.8.1).
struct Collision {
  net::Spi child;                ///< its inbound SPI, or
  std::uint64_t ike_sa = 0;      ///< the new IKE SA's serial
  base::ByteVector lower_nonce;  ///< of the peer's exchange
};

/// What we ask for in a child SA.
struct ChildRequest {
  crypto::Proposals proposals;
  session::SelectorPair selectors;
  bool transport = false;  ///< mode, §1.3.1
};

/// A request of ours.
struct OwnRequest {
  enum class Stage : std::uint8_t {
    kKeyPair,
    kSpi,
    kSent,
    kShared,
    kSigning,
    kVerifying,
    kInstalling
  };
  session::Task task;
  Stage stage = Stage::kKeyPair;
  session::JobId job;
  std::uint32_t message_id = 0;
  isakmp::ExchangeType exchange = isakmp::ExchangeType::kInformational;
  session::OutstandingMessage sent;
  std::unique_ptr<Reassembly> fragments;  ///< of the answer
  // an SA to be made
  net::Spi spi;    ///< offered: our inbound; 0 once a child has it
  net::Spi child;  ///< the inbound SPI of the child made
  IkeSpi ike_spi;  ///< offered: the new IKE SA's
  crypto::DhGroupId group = crypto::DhGroupId::kNone;
  crypto::DhKeyPair pair;
  base::ByteVector ni, nr, peer_public;
  ChildRequest offered;
  session::SelectorPair chosen;
  session::Agreed agreed;
  net::Spi peer_spi;
  IkeSpi peer_ike_spi;
  unsigned rounds = 0;
  bool abandoned = false;  ///< what it was about is gone; its answer changes nothing
  std::optional<Collision> collision;
  /// Child SAs that the peer deleted while we wait: one of them may be the answer's.
  std::vector<isakmp::ChildReference> deleted_early;
};

/// A request of the peer whose answer is not ready.
struct PeerRequest {
  enum class Kind : std::uint8_t { kOther, kAuth, kNewChild, kRekeyChild, kRekeyIke };
  Kind kind = Kind::kOther;
  bool collides = false;  ///< our own request's note of a collision is about this one
  std::uint32_t message_id = 0;
  isakmp::ExchangeType exchange = isakmp::ExchangeType::kInformational;
  net::Endpoint local, remote;  ///< where it came to and from: the answer goes back there
  session::JobId job;
  const session::ChildConfig* config = nullptr;
  net::Spi spi;      ///< taken for the new child; 0 once it has it
  net::Spi child;    ///< the inbound SPI of the child made
  net::Spi old_spi;  ///< kRekeyChild: inbound SPI of the one to be replaced
  net::Spi peer_spi;
  IkeSpi ike_spi, peer_ike_spi;
  session::Agreed agreed;
  std::uint8_t number = 1;  ///< of the chosen proposal in the peer's offer
  session::SelectorPair selectors;
  base::ByteVector ni, nr, peer_public, own_public;
};

struct IkeSa {
  std::uint64_t serial = 0;
  session::Connection* connection = nullptr;  ///< responder: a guess until IKE_AUTH
  IkeSpi spi_i, spi_r;
  State state = State::kStart;
  bool initiator = false;  ///< we are its original initiator (§2.2)
  bool nat_here = false;   ///< NAT detection, §2.23
  bool nat_there = false;
  bool encap = false;           ///< ESP in UDP
  bool refused = false;         ///< IKE_AUTH was refused: only its answer is repeated
  bool fragmentation = false;   ///< both ends take fragments (RFC 7383 §2.3)
  bool tfc_refused = false;     ///< ESP_TFC_PADDING_NOT_SUPPORTED came (§1.3.1)
  bool redundant = false;       ///< lost a collision, or may: the peer or we delete it soon
  std::uint64_t contested = 0;  ///< while redundant and undecided: the IKE SA that it would replace
  net::Endpoint local, remote;
  policy::Identity local_id, remote_id;
  session::Agreed agreed;
  base::SecretBytes sk_d;
  std::optional<crypto::SkCipher> seal, open;
  std::uint64_t sealed = 0;         ///< messages protected so far: the counter of their IVs
  std::uint32_t next_request = 0;   ///< message id of our next request
  std::uint32_t next_expected = 0;  ///< message id of the peer's next request
  session::AnsweredRequest answered;
  std::unique_ptr<Handshake> handshake;
  std::unique_ptr<OwnRequest> own;
  std::unique_ptr<PeerRequest> peer;
  std::unique_ptr<Reassembly> fragments;  ///< of the peer's next request
  std::vector<session::Task> tasks;
  session::ChildSas children;
  session::EndReason end_reason = session::EndReason::kRequested;  ///< once deleting
  base::MonoTime created{};
  base::MonoTime established_at{};
  base::MonoTime last_heard{};  ///< something authentic came from the peer
  base::MonoTime last_sent{};   ///< a message of ours, or a keepalive
  bool traffic_asked = false;   ///< the data plane is asked whether ESP came from the peer
  base::MonoTime last_hint{};   ///< an unprotected error made us ask whether the peer lives
  std::optional<base::MonoTime> rekey_at;
  std::optional<base::MonoTime> end_at;  ///< half-open limit, hard lifetime, or patience at the end

  [[nodiscard]] IkeSpi own_spi() const { return initiator ? spi_i : spi_r; }
  [[nodiscard]] IkeSpi peer_spi() const { return initiator ? spi_r : spi_i; }
  [[nodiscard]] bool is_half_open() const { return !initiator && handshake != nullptr; }
};

}  // namespace penstock::ikev2
