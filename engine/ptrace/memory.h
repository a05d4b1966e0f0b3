// A guest thread's memory, read and written by the tracer.
//
// process_vm_readv(2) where the kernel has and allows it, else word by word
// through ptrace.  The only place where guest bytes become host bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <sys/types.h>
#include <type_traits>

#include "arch/result.h"
#include "engine/extension.h"

namespace nestp {

class ThreadMemory final : public GuestMemory {
 public:
  explicit ThreadMemory(pid_t thread) : thread_(thread) {}

  SysResult<> read(GuestAddress from, std::span<std::byte> into) override;
  SysResult<> write(GuestAddress to, std::span<const std::byte> bytes) override;
  SysResult<> write_code(GuestAddress to, std::span<const std::byte> bytes) override;

  /// Bytes and where they are to go.
  struct Piece {
    GuestAddress to;
    std::span<const std::byte> bytes;
  };
  /// All pieces by one call; EFAULT if one could not be written, the others then may have been.
  SysResult<> write_pieces(std::span<const Piece> pieces);

  /// Bytes that could be read before the first unreadable page.
  std::size_t read_some(GuestAddress from, std::span<std::byte> into);

  /// A NUL-terminated string of at most `limit` bytes with its NUL.
  /// EFAULT: unreadable before the NUL.  ENAMETOOLONG: no NUL within `limit`.
  SysResult<std::string> read_string(GuestAddress from, std::size_t limit = 4096);

  /// An object without pointers or padding that matters, as the guest's ABI lays it out.
  template <typename T>
  SysResult<T> read_object(GuestAddress from) {
    static_assert(std::is_trivially_copyable_v<T>);
    T object{};
    const auto done = read(from, std::as_writable_bytes(std::span(&object, 1)));
    if (!done) return done.error();
    return object;
  }
  template <typename T>
  SysResult<> write_object(GuestAddress to, const T& object) {
    static_assert(std::is_trivially_copyable_v<T>);
    return write(to, std::as_bytes(std::span(&object, 1)));
  }

 private:
  pid_t thread_;
};

/// `address` plus some bytes.
constexpr GuestAddress operator+(GuestAddress address, std::uint64_t bytes) {
  return GuestAddress{static_cast<std::uint64_t>(address) + bytes};
}

}  // namespace nestp
