# SPDX-License-Identifier: BSD-3-Clause
"""A reference model of ISAKMP and IKEv1, written from the RFCs alone: see README.md."""
