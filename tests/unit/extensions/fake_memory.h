// A guest's memory that is a string of this process: for extensions, without any guest.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "engine/extension.h"

namespace nestp {

/// Bytes from address kStart on; everything else is unmapped.
class FakeMemory final : public GuestMemory {
 public:
  static constexpr std::uint64_t kStart = 0x1000;

  explicit FakeMemory(std::size_t size) : bytes(size, '\0') {}

  SysResult<> read(GuestAddress from, std::span<std::byte> into) override {
    const auto at = static_cast<std::uint64_t>(from) - kStart;
    if (at > bytes.size() || into.size() > bytes.size() - at) return Errno(EFAULT);
    std::memcpy(into.data(), bytes.data() + at, into.size());
    return Done{};
  }
  SysResult<> write(GuestAddress to, std::span<const std::byte> from) override {
    const auto at = static_cast<std::uint64_t>(to) - kStart;
    if (at > bytes.size() || from.size() > bytes.size() - at) return Errno(EFAULT);
    std::memcpy(bytes.data() + at, from.data(), from.size());
    return Done{};
  }

  std::uint64_t place(const std::string& text) override {
    bytes.append(text.c_str(), text.size() + 1);
    return kStart + bytes.size() - text.size() - 1;
  }

  /// Puts text, with its NUL, `offset` bytes behind the start; its address.
  std::uint64_t put(std::size_t offset, const std::string& text) {
    std::memcpy(bytes.data() + offset, text.c_str(), text.size() + 1);
    return kStart + offset;
  }
  std::string text(std::size_t offset) const { return bytes.c_str() + offset; }

  std::string bytes;
};

/// A call on entry, or with `result` on exit.
inline Call make_call(Sys sys, FakeMemory& memory, std::array<std::uint64_t, 6> args,
                      pid_t thread = 1, const Abi& abi = kAbiX64) {
  return Call{.sys = sys, .abi = &abi, .thread = thread, .args = args, .memory = memory};
}

}  // namespace nestp
