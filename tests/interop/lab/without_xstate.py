#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs a program for which ptrace has no NT_X86_XSTATE register set.

User Mode Linux 6.1 hands the extended processor state of its guests over by that set, in a buffer that is
too small for processors with AMX: the host's kernel takes the whole state or nothing, and the guest's
first process dies. Where the set does not exist at all, User Mode Linux falls back to PTRACE_GETFPREGS. A
seccomp filter says so: ptrace(PTRACE_GETREGSET, _, NT_X86_XSTATE, _) fails with EINVAL.

  without_xstate.py PROGRAM ARGUMENT...
"""
import ctypes
import os
import platform
import struct
import sys

LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06   # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
NUMBER, ARGUMENT_0, ARGUMENT_2 = 0, 16, 32  # offsets in struct seccomp_data (low halves)
SYS_PTRACE, GETREGSET, XSTATE, EINVAL = 101, 0x4204, 0x202, 22
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, FILTER_MODE = 38, 22, 2


def install():
    rules = [(LOAD, 0, 0, NUMBER), (EQUAL, 0, 5, SYS_PTRACE),
             (LOAD, 0, 0, ARGUMENT_0), (EQUAL, 0, 3, GETREGSET),
             (LOAD, 0, 0, ARGUMENT_2), (EQUAL, 0, 1, XSTATE),
             (RETURN, 0, 0, ERRNO | EINVAL), (RETURN, 0, 0, ALLOW)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(rules), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, FILTER_MODE, program, 0, 0):
        sys.exit(f"seccomp: {os.strerror(ctypes.get_errno())}")


if platform.machine() == "x86_64":
    install()
os.execvp(sys.argv[1], sys.argv[1:])
