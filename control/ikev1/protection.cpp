// SPDX-License-Identifier: BSD-3-Clause
// Messages in and out of the cipher. Whether what came out is a message, chain and HASH show.
#include "control/ikev1/protection.h"

#include "lib/base/byte_io.h"
#include "lib/base/check.h"
#include "lib/crypto/cbc.h"

namespace penstock::ikev1 {
namespace {

constexpr std::size_t kFlagsOffset = 19;  // of the header (RFC 2408 §3.1)
constexpr std::size_t kLengthOffset = 24;

std::size_t payload_octets(base::Bytes payload) {
  const auto generic = base::view<isakmp::GenericHeader>(payload);
  PS_CHECK(generic.has_value());
  return (*generic)->length.get();
}

}  // namespace

base::ByteVector encipher(const crypto::CryptoContext& context, const crypto::EncrRow& encr,
                          base::Bytes key, base::ByteVector clear, base::ByteVector& iv) {
  const std::size_t block = encr.block_octets;
  const std::size_t plain = clear.size() - isakmp::kHeaderOctets;
  clear.resize(isakmp::kHeaderOctets + (plain + block - 1) / block * block);
  const std::size_t octets = clear.size();
  base::ByteWriter out(std::move(clear));
  out.patch_u8(kFlagsOffset, std::to_integer<std::uint8_t>(out.bytes()[kFlagsOffset]) |
                                 isakmp::kFlagV1Encryption);
  out.patch_u32(kLengthOffset, static_cast<std::uint32_t>(octets));
  crypto::cbc_encrypt(context, encr, key, iv, out.mutable_bytes().subspan(isakmp::kHeaderOctets));
  iv = base::to_vector(out.bytes().last(block));
  return out.release();
}

base::Result<base::ByteVector> decipher(const crypto::CryptoContext& context,
                                        const crypto::EncrRow& encr, base::Bytes key,
                                        base::Bytes body, base::ByteVector& iv) {
  if (body.empty() || body.size() % encr.block_octets != 0)
    return base::fail(base::ErrorCode::kMalformed, "not a whole number of blocks");
  base::ByteVector out = base::to_vector(body);
  crypto::cbc_decrypt(context, encr, key, iv, out);
  iv = base::to_vector(body.last(encr.block_octets));
  return out;
}

base::Bytes hashed_part(isakmp::PayloadType first, base::Bytes inside) {
  PS_CHECK(first == isakmp::PayloadType::kV1Hash);
  std::size_t start = 0;
  std::size_t end = 0;
  for (isakmp::PayloadType type = first; type != isakmp::PayloadType::kNone;) {
    const base::Bytes rest = inside.subspan(end);
    type = isakmp::PayloadType{std::to_integer<std::uint8_t>(rest.front())};
    end += payload_octets(rest);
    if (start == 0) start = end;
  }
  return inside.subspan(start, end - start);
}

}  // namespace penstock::ikev1
