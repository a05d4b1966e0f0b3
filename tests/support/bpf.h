// A seccomp program, interpreted: the instructions that make_filter writes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <span>
#include <stdexcept>

namespace nestp {

struct FilterRun {
  std::uint32_t action = 0;
  /// Only number and architecture were read: what the kernel's bitmap asks of an allowed call.
  bool is_constant = true;
  int steps = 0;
};

/// Throws for a program that the kernel would not take.
inline FilterRun run_filter(std::span<const sock_filter> filter, const seccomp_data& data) {
  FilterRun run;
  std::uint32_t accumulator = 0;
  for (std::size_t at = 0; at < filter.size(); ++at) {
    const sock_filter& now = filter[at];
    ++run.steps;
    const auto branch = [&](bool holds) { at += holds ? now.jt : now.jf; };
    switch (now.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (now.k % 4 != 0 || now.k + 4 > sizeof data) throw std::logic_error("load out of bounds");
        std::memcpy(&accumulator, reinterpret_cast<const char*>(&data) + now.k, 4);
        if (now.k >= offsetof(seccomp_data, instruction_pointer)) run.is_constant = false;
        break;
      case BPF_JMP | BPF_JA:
        at += now.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        branch(accumulator == now.k);
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        branch(accumulator >= now.k);
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        branch((accumulator & now.k) != 0);
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        accumulator &= now.k;
        break;
      case BPF_RET | BPF_K:
        run.action = now.k;
        return run;
      default:
        throw std::logic_error("unknown instruction");
    }
  }
  throw std::logic_error("ran past the end");
}

}  // namespace nestp
