// SPDX-License-Identifier: BSD-3-Clause
// penstock: the command line. It speaks the management protocol with penstockd and knows nothing
// else of it.
#include <iostream>

#include "app/cli.h"

int main(int argc, char** argv) { return penstock::app::run_cli(argc, argv, std::cout, std::cerr); }
