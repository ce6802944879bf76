# SPDX-License-Identifier: BSD-3-Clause
"""The laboratory: namespaces, a gateway, real peers, traffic, and a look at the wire."""
