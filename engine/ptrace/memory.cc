#include "engine/ptrace/memory.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <sys/uio.h>

#include "engine/check.h"
#include "engine/ptrace/ptrace_call.h"

namespace nestp {
namespace {

constexpr std::uint64_t kPage = 4096;

/// False once process_vm_readv was seen to be missing or forbidden.
bool vm_calls_work = true;

/// Bytes moved by process_vm_readv or process_vm_writev, -1 if none.
template <typename Function>
ssize_t move(Function function, pid_t thread, GuestAddress remote, void* local, std::size_t size) {
  iovec here{local, size};
  iovec there{reinterpret_cast<void*>(static_cast<std::uintptr_t>(remote)), size};
  return function(thread, &here, 1, &there, 1, 0);
}

bool is_refusal(int error) { return error == ENOSYS || error == EPERM; }

/// The part of `range` that a thread may itself read ('r') or write ('w'), from its start on.
/// ptrace(2) goes past the protection of pages, which the kernel's own copies do not.
std::size_t allowed_part(pid_t thread, GuestAddress start, std::size_t size, char permission) {
  const std::string path = "/proc/" + std::to_string(thread) + "/maps";
  const std::unique_ptr<FILE, int (*)(FILE*)> maps(std::fopen(path.c_str(), "re"), std::fclose);
  if (maps == nullptr) return size;
  const auto first = static_cast<std::uint64_t>(start);
  std::uint64_t allowed = first;
  char line[kPage + 128];
  while (allowed < first + size && std::fgets(line, sizeof line, maps.get()) != nullptr) {
    unsigned long long from = 0;
    unsigned long long to = 0;
    char permissions[5];
    if (std::sscanf(line, "%llx-%llx %4s", &from, &to, permissions) != 3 || to <= allowed) continue;
    const bool grows = std::strstr(line, "[stack]") != nullptr;
    if ((from > allowed && !grows) || std::strchr(permissions, permission) == nullptr) break;
    allowed = to;
  }
  return std::min<std::size_t>(size, allowed - first);
}

std::size_t read_words(pid_t thread, GuestAddress from, std::span<std::byte> into) {
  std::size_t done = 0;
  const auto start = static_cast<std::uint64_t>(from);
  while (done < into.size()) {
    const std::uint64_t aligned = (start + done) & ~7ULL;
    const auto word = ptrace_call::peek(thread, aligned);
    if (!word) break;
    const std::size_t skip = start + done - aligned;
    const std::size_t size = std::min<std::size_t>(8 - skip, into.size() - done);
    const std::uint64_t value = *word;
    std::memcpy(into.data() + done, reinterpret_cast<const std::byte*>(&value) + skip, size);
    done += size;
  }
  return done;
}

SysResult<> write_words(pid_t thread, GuestAddress to, std::span<const std::byte> bytes) {
  std::size_t done = 0;
  const auto start = static_cast<std::uint64_t>(to);
  while (done < bytes.size()) {
    const std::uint64_t aligned = (start + done) & ~7ULL;
    const std::size_t skip = start + done - aligned;
    const std::size_t size = std::min<std::size_t>(8 - skip, bytes.size() - done);
    std::uint64_t value = 0;
    if (size != 8) {
      const auto word = ptrace_call::peek(thread, aligned);
      if (!word) return Errno(EFAULT);
      value = *word;
    }
    std::memcpy(reinterpret_cast<std::byte*>(&value) + skip, bytes.data() + done, size);
    if (!ptrace_call::poke(thread, aligned, value)) return Errno(EFAULT);
    done += size;
  }
  return Done{};
}

}  // namespace

std::size_t ThreadMemory::read_some(GuestAddress from, std::span<std::byte> into) {
  if (vm_calls_work) {
    // One transfer stops at the first bad page only at page borders of the
    // *iovec elements*, so a range that may end in a hole is cut at pages.
    const ssize_t whole = move(process_vm_readv, thread_, from, into.data(), into.size());
    if (whole == static_cast<ssize_t>(into.size())) return into.size();
    if (whole < 0 && is_refusal(errno)) {
      vm_calls_work = errno != ENOSYS;
    } else {
      return whole < 0 ? 0 : static_cast<std::size_t>(whole);
    }
  }
  return read_words(thread_, from, into.first(allowed_part(thread_, from, into.size(), 'r')));
}

SysResult<> ThreadMemory::read(GuestAddress from, std::span<std::byte> into) {
  if (read_some(from, into) != into.size()) return Errno(EFAULT);
  return Done{};
}

SysResult<> ThreadMemory::write(GuestAddress to, std::span<const std::byte> bytes) {
  if (vm_calls_work) {
    const ssize_t done =
        move(process_vm_writev, thread_, to, const_cast<std::byte*>(bytes.data()), bytes.size());
    if (done == static_cast<ssize_t>(bytes.size())) return Done{};
    if (done >= 0 || !is_refusal(errno)) return Errno(EFAULT);
    vm_calls_work = errno != ENOSYS;
  }
  if (allowed_part(thread_, to, bytes.size(), 'w') != bytes.size()) return Errno(EFAULT);
  return write_words(thread_, to, bytes);
}

SysResult<> ThreadMemory::write_pieces(std::span<const Piece> pieces) {
  constexpr std::size_t kMost = 16;
  CHECK(pieces.size() <= kMost) << pieces.size() << " pieces";
  if (vm_calls_work) {
    iovec here[kMost];
    iovec there[kMost];
    std::size_t size = 0;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const auto bytes = pieces[i].bytes;
      here[i] = {const_cast<std::byte*>(bytes.data()), bytes.size()};
      there[i] = {reinterpret_cast<void*>(static_cast<std::uintptr_t>(pieces[i].to)), bytes.size()};
      size += bytes.size();
    }
    const ssize_t done = process_vm_writev(thread_, here, pieces.size(), there, pieces.size(), 0);
    if (done == static_cast<ssize_t>(size)) return Done{};
  }
  // One by one, which knows other ways.
  for (const Piece& piece : pieces) {
    if (const auto done = write(piece.to, piece.bytes); !done) return done;
  }
  return Done{};
}

SysResult<> ThreadMemory::write_code(GuestAddress to, std::span<const std::byte> bytes) {
  return write_words(thread_, to, bytes);
}

SysResult<std::string> ThreadMemory::read_string(GuestAddress from, std::size_t limit) {
  constexpr std::size_t kFirst = 256;  // most paths fit; a page border may cut it shorter
  char buffer[kPage];
  std::string text;
  auto address = static_cast<std::uint64_t>(from);
  std::size_t chunk = kFirst;
  while (text.size() < limit) {
    const std::size_t to_page_end = kPage - address % kPage;
    const std::size_t size = std::min({chunk, to_page_end, limit - text.size()});
    const std::size_t got =
        read_some(GuestAddress{address}, std::as_writable_bytes(std::span(buffer, size)));
    if (got == 0) return Errno(EFAULT);
    if (const void* end = std::memchr(buffer, 0, got); end != nullptr) {
      text.append(buffer, static_cast<std::size_t>(static_cast<const char*>(end) - buffer));
      return text;
    }
    text.append(buffer, got);
    address += got;
    chunk = kPage;
  }
  return Errno(ENAMETOOLONG);
}

}  // namespace nestp
