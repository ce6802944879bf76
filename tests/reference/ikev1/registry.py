# SPDX-License-Identifier: BSD-3-Clause
"""The numbers of RFC 2407, 2408, 2409 and their extensions, as enumerations."""
from enum import IntEnum


class PayloadType(IntEnum):
    """RFC 2408 §3.1; ATTRIBUTES by the mode-config draft, the NAT payloads by RFC 3947 §9."""
    NONE = 0
    SA = 1
    PROPOSAL = 2
    TRANSFORM = 3
    KE = 4
    ID = 5
    CERT = 6
    CR = 7
    HASH = 8
    SIG = 9
    NONCE = 10
    NOTIFY = 11
    DELETE = 12
    VID = 13
    ATTRIBUTES = 14
    NAT_D = 20
    NAT_OA = 21


class ExchangeType(IntEnum):
    """RFC 2408 §3.1, RFC 2409 appendix A, the mode-config draft."""
    NONE = 0
    BASE = 1
    IDENTITY_PROTECTION = 2
    AUTHENTICATION_ONLY = 3
    AGGRESSIVE = 4
    INFORMATIONAL = 5
    TRANSACTION = 6
    QUICK = 32
    NEW_GROUP = 33


class Flag(IntEnum):
    ENCRYPTION = 1
    COMMIT = 2
    AUTHENTICATION_ONLY = 4


class NotifyType(IntEnum):
    """RFC 2408 §3.14.1, RFC 2407 §4.6.3, RFC 3706 §5.2."""
    INVALID_PAYLOAD_TYPE = 1
    DOI_NOT_SUPPORTED = 2
    SITUATION_NOT_SUPPORTED = 3
    INVALID_COOKIE = 4
    INVALID_MAJOR_VERSION = 5
    INVALID_MINOR_VERSION = 6
    INVALID_EXCHANGE_TYPE = 7
    INVALID_FLAGS = 8
    INVALID_MESSAGE_ID = 9
    INVALID_PROTOCOL_ID = 10
    INVALID_SPI = 11
    INVALID_TRANSFORM_ID = 12
    ATTRIBUTES_NOT_SUPPORTED = 13
    NO_PROPOSAL_CHOSEN = 14
    BAD_PROPOSAL_SYNTAX = 15
    PAYLOAD_MALFORMED = 16
    INVALID_KEY_INFORMATION = 17
    INVALID_ID_INFORMATION = 18
    INVALID_CERT_ENCODING = 19
    INVALID_CERTIFICATE = 20
    CERT_TYPE_UNSUPPORTED = 21
    INVALID_CERT_AUTHORITY = 22
    INVALID_HASH_INFORMATION = 23
    AUTHENTICATION_FAILED = 24
    INVALID_SIGNATURE = 25
    ADDRESS_NOTIFICATION = 26
    NOTIFY_SA_LIFETIME = 27
    CERTIFICATE_UNAVAILABLE = 28
    UNSUPPORTED_EXCHANGE_TYPE = 29
    UNEQUAL_PAYLOAD_LENGTHS = 30
    CONNECTED = 16384
    RESPONDER_LIFETIME = 24576
    REPLAY_STATUS = 24577
    INITIAL_CONTACT = 24578
    R_U_THERE = 36136
    R_U_THERE_ACK = 36137


class Doi(IntEnum):
    ISAKMP = 0
    IPSEC = 1


class Situation(IntEnum):
    """RFC 2407 §4.2"""
    IDENTITY_ONLY = 1
    SECRECY = 2
    INTEGRITY = 4


class Protocol(IntEnum):
    """RFC 2407 §4.4.1"""
    ISAKMP = 1
    AH = 2
    ESP = 3
    IPCOMP = 4


KEY_IKE = 1  # the only transform of ISAKMP, RFC 2407 §4.4.2


class IdType(IntEnum):
    """RFC 2407 §4.6.2.1"""
    IPV4_ADDR = 1
    FQDN = 2
    USER_FQDN = 3
    IPV4_ADDR_SUBNET = 4
    IPV6_ADDR = 5
    IPV6_ADDR_SUBNET = 6
    IPV4_ADDR_RANGE = 7
    IPV6_ADDR_RANGE = 8
    DER_ASN1_DN = 9
    DER_ASN1_GN = 10
    KEY_ID = 11


class Ike(IntEnum):
    """Attribute classes of phase 1, RFC 2409 appendix A."""
    ENCRYPTION = 1
    HASH = 2
    AUTHENTICATION = 3
    GROUP = 4
    GROUP_TYPE = 5
    GROUP_PRIME = 6
    GROUP_GENERATOR_ONE = 7
    GROUP_GENERATOR_TWO = 8
    GROUP_CURVE_A = 9
    GROUP_CURVE_B = 10
    LIFE_TYPE = 11
    LIFE_DURATION = 12
    PRF = 13
    KEY_LENGTH = 14
    FIELD_SIZE = 15
    GROUP_ORDER = 16


IKE_BASIC = {Ike.ENCRYPTION, Ike.HASH, Ike.AUTHENTICATION, Ike.GROUP, Ike.GROUP_TYPE, Ike.LIFE_TYPE,
             Ike.PRF, Ike.KEY_LENGTH, Ike.FIELD_SIZE}


class Ipsec(IntEnum):
    """Attribute classes of the IPsec DOI, RFC 2407 §4.5; ECN by IANA, ESN by RFC 4304."""
    LIFE_TYPE = 1
    LIFE_DURATION = 2
    GROUP = 3
    ENCAPSULATION = 4
    AUTHENTICATION = 5
    KEY_LENGTH = 6
    KEY_ROUNDS = 7
    COMPRESS_DICTIONARY_SIZE = 8
    COMPRESS_PRIVATE_ALGORITHM = 9
    ECN_TUNNEL = 10
    ESN = 11


IPSEC_BASIC = set(Ipsec) - {Ipsec.LIFE_DURATION, Ipsec.COMPRESS_PRIVATE_ALGORITHM}


class Auth(IntEnum):
    """RFC 2409 appendix A, RFC 4754 §6; hybrid and XAUTH by their drafts."""
    PSK = 1
    DSS = 2
    RSA = 3
    RSA_ENCRYPTION = 4
    RSA_REVISED = 5
    ECDSA = 8
    ECDSA_256 = 9
    ECDSA_384 = 10
    ECDSA_521 = 11
    HYBRID_INIT_RSA = 64221
    HYBRID_RESP_RSA = 64222
    HYBRID_INIT_DSS = 64223
    HYBRID_RESP_DSS = 64224
    XAUTH_INIT_PSK = 65001
    XAUTH_RESP_PSK = 65002
    XAUTH_INIT_DSS = 65003
    XAUTH_RESP_DSS = 65004
    XAUTH_INIT_RSA = 65005
    XAUTH_RESP_RSA = 65006
    XAUTH_INIT_RSA_ENCRYPTION = 65007
    XAUTH_RESP_RSA_ENCRYPTION = 65008
    XAUTH_INIT_RSA_REVISED = 65009
    XAUTH_RESP_RSA_REVISED = 65010


class CertEncoding(IntEnum):
    """RFC 2408 §3.9"""
    PKCS7 = 1
    PGP = 2
    DNS = 3
    X509_SIGNATURE = 4
    X509_KEY_EXCHANGE = 5
    KERBEROS = 6
    CRL = 7
    ARL = 8
    SPKI = 9
    X509_ATTRIBUTE = 10


class Cfg(IntEnum):
    """Message types of the mode-config draft, §3.3."""
    REQUEST = 1
    REPLY = 2
    SET = 3
    ACK = 4


class CfgAttribute(IntEnum):
    """The mode-config draft §3.4 and the XAUTH draft §4."""
    IP4_ADDRESS = 1
    IP4_NETMASK = 2
    IP4_DNS = 3
    IP4_NBNS = 4
    ADDRESS_EXPIRY = 5
    IP4_DHCP = 6
    APPLICATION_VERSION = 7
    IP6_ADDRESS = 8
    IP6_NETMASK = 9
    IP6_DNS = 10
    IP6_NBNS = 11
    IP6_DHCP = 12
    IP4_SUBNET = 13
    SUPPORTED_ATTRIBUTES = 14
    IP6_SUBNET = 15
    XAUTH_TYPE = 16520
    XAUTH_USER_NAME = 16521
    XAUTH_USER_PASSWORD = 16522
    XAUTH_PASSCODE = 16523
    XAUTH_MESSAGE = 16524
    XAUTH_CHALLENGE = 16525
    XAUTH_DOMAIN = 16526
    XAUTH_STATUS = 16527
    XAUTH_NEXT_PIN = 16528
    XAUTH_ANSWER = 16529


VENDOR_NAT_T = bytes.fromhex("4a131c81070358455c5728f20e95452f")  # RFC 3947 §3.1
VENDOR_DPD = bytes.fromhex("afcad71368a1f1c96b8696fc77570100")    # RFC 3706 §5.1, version 1.0
VENDOR_XAUTH = bytes.fromhex("09002689dfd6b712")                  # the XAUTH draft §2
