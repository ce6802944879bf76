// SPDX-License-Identifier: BSD-3-Clause
// A MODP group of 2048 bits that nobody else has, as "openssl dhparam" wrote it.
#pragma once

#include <string_view>

namespace penstock::test {

inline constexpr std::string_view kDhParameters =
    "-----BEGIN DH PARAMETERS-----\n"
    "MIIBCAKCAQEAgLC2bGxAj/LwiYiv066oVUYowLdf8rw/A/mgXarQJzCvMumrNhMa\n"
    "sXUz2AVEDN+fNjV9IIA5Iyi1Vj1KS4yKW80Q/xxmZ2hGqk83ilJRdD0CSKrfAypX\n"
    "+zVIYYZAWGNViZ4/m0uCvqUP4s7a1a6KEZP469JjLvrGbG353BiHLNWd6j/QbgPV\n"
    "M11c9v8cFOFj/1DvlBH616WO1xts7jetuiIRGuPXcRGE3+WmKMe9c89UzQPb/Dmq\n"
    "YOEmeA2rNSQUZ0DeQpBVd+2OOwacNVz3HsNMAZWbfw27sTVx7PnMruBT8fV50rfr\n"
    "usw7IISc2R3WrUyNNrOELoHO5PYIyVWqTwIBAg==\n"
    "-----END DH PARAMETERS-----\n";

}  // namespace penstock::test
