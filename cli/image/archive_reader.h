// An archive as a stream of entries, whatever its format and compression.  The one file that
// sees libarchive; it writes nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "arch/result.h"

namespace nestp {

struct ArchiveEntry {
  enum class Kind : std::uint8_t {
    file,
    directory,
    symlink,
    hard_link,
    character,
    block,
    fifo,
    other
  };
  std::string name{};  ///< as the archive has it
  std::string link{};  ///< of a symlink its text, of a hard link the other name
  Kind kind = Kind::file;
  mode_t mode = 0;  ///< permission bits
  uid_t uid = 0;
  gid_t gid = 0;
  std::int64_t seconds = 0;  ///< of the last change
  long nanoseconds = 0;
  std::uint64_t size = 0;
  unsigned major_number = 0, minor_number = 0;
};

/// Bytes of a compressed or plain archive; empty at the end.
using ByteSource = std::function<Result<std::string_view>()>;

class ArchiveReader {
 public:
  /// `bytes` is read from while the reader lives.
  static Result<ArchiveReader> open(ByteSource bytes);
  /// The same from a file; "-" is not special.
  static Result<ArchiveReader> open_file(const std::string& path);

  ArchiveReader(ArchiveReader&&) noexcept;
  ArchiveReader& operator=(ArchiveReader&&) noexcept;
  ~ArchiveReader();

  /// False at the end of the archive.
  Result<bool> next(ArchiveEntry& entry);

  /// Part of the present file's content; `bytes` is empty at its end.  Holes are left out.
  struct Part {
    std::string_view bytes{};
    std::uint64_t offset = 0;
  };
  Result<Part> read();

 private:
  struct State;
  explicit ArchiveReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace nestp
