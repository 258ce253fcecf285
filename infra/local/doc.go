// Package main runs the supportvault stack on this machine, without an AWS account: it installs the pinned tools into
// .local/, starts MiniStack (an AWS emulator), deploys the stack to it with the real CDK CLI, and shows what the stack
// does. The Makefile calls it; `make help` lists what a person uses.
//
// It never imports the CDK library, so that it compiles in seconds, and it never uses the AWS credentials of the person
// who runs it, except for `account`, `rotate`, `extract`, `import`, `receipts`, `invoke`, `doctor`, `logs`, `diff` and `deploy` with a stage
// other than local.
//
// What it leaves behind is in .local/:
//
//	venv/ cdk/ dynamodb/    installed tools, each with a .stamp of what it was installed from
//	bin/                    this program
//	outputs.json            where the stack is: URLs, the demo account's token and secrets (mode 0600)
//	emulator.json           the emulator's process and port while it runs
//	log/                    what every child process printed
//	e2e/                    the same for the isolated stack of the end-to-end tests
package main
