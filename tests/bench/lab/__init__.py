# SPDX-License-Identifier: BSD-3-Clause
"""The laboratory of scripts/bench: packets in files, programs that carry them, what a packet costs."""
