// nestp bench: what system calls cost here, natively, under nestp and under others.
#pragma once

#include <span>
#include <string>

namespace nestp::bench {

/// The whole of `nestp bench WORD...`; gives the exit status.
int run(std::span<const std::string> words);

}  // namespace nestp::bench
