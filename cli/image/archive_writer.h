// Archives for backups: tar with pax headers, compressed by the host's gzip, xz or zstd.
//
// By hand, as libarchive's writer of one format brings those of all others along, and the
// libraries of these.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>

#include "arch/result.h"
#include "cli/image/archive_reader.h"
#include "fs/fd.h"

namespace nestp {

class ArchiveWriter {
 public:
  /// Compression by the name's ending: .gz, .tgz, .xz, .zst, or none.
  static Result<ArchiveWriter> create(const std::string& path);

  /// For a file its content follows by write(), `entry.size` bytes in all.
  Result<> add(const ArchiveEntry& entry);
  Result<> write(std::string_view bytes);
  /// Without it the archive is not whole.
  Result<> finish();

 private:
  ArchiveWriter(UniqueFd file, pid_t compressor)
      : file_(std::move(file)), compressor_(compressor) {}
  Result<> add_long_names(const ArchiveEntry& entry);
  Result<> write_all(std::string_view bytes);
  Result<> pad();

  UniqueFd file_;
  pid_t compressor_;  ///< 0: none
  std::uint64_t written_ = 0;
};

}  // namespace nestp
