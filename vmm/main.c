// SPDX-License-Identifier: Apache-2.0
#include "vmm/cli/cli.h"

int main(int argc, char **argv)
{
	return cli_close_stdout(cli_main(argc, argv));
}
