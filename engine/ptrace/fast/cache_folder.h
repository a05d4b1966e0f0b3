// A folder of small files that can be made again: written whole or not at all, never too many.
//
// Several sessions may use it at once.  Where it cannot be written nothing is kept, silently.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <time.h>

#include "fs/fd.h"

namespace nestp {

/// The folder `path` and those above it, each for the person alone, where they can be made.
void make_folders(const std::string& path);

/// Where what can be made again is kept: $XDG_CACHE_HOME/nestp, or $HOME/.cache/nestp; if that
/// cannot be written and has no copies, nestp-cache-UID/nestp in $TMPDIR or /tmp, if it is the
/// person's alone.  Empty: nowhere.
std::string usual_cache();

/// All of `bytes` at `offset`; false: no room, or no permission.
bool write_whole(int file, std::span<const std::byte> bytes, std::uint64_t offset);

/// Sets the time of a file's last change of contents; that of its status becomes now.
bool set_modified(int file, const timespec& modified);

class CacheFolder {
 public:
  /// `path`: made when needed; empty: nothing is kept.  Of more than `most_files` files, or
  /// `most_bytes` bytes, the oldest go.
  CacheFolder(std::string path, std::size_t most_files, std::uint64_t most_bytes)
      : path_(std::move(path)), most_files_(most_files), most_bytes_(most_bytes) {}

  bool keeps() const { return !path_.empty(); }
  std::string path_of(std::string_view name) const { return path_ + "/" + std::string(name); }

  /// What is kept here may be mapped as a program.  Makes the folder.
  bool allows_execution() const;

  /// Writes a file of these parts, one behind the other, in the place of one of that name.
  /// `modified`: the time it shows as that of its last change; none: now.
  bool put(std::string_view name, std::span<const std::span<const std::byte>> parts, mode_t mode,
           const timespec* modified = nullptr) const;

 private:
  void drop_oldest() const;

  std::string path_;
  std::size_t most_files_;
  std::uint64_t most_bytes_;
};

}  // namespace nestp
