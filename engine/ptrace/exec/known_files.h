// What is known of files that were executed a moment ago.
//
// Asking the kernel whether it would execute a file, and reading the file's headers, costs more
// than all else at the start of a small program.  What was found out is believed as long as the
// file looks the same and nobody in this session opened it for writing, but no longer than
// PathCache::kStaleness: within that time a host process may start to write it unseen.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <sys/stat.h>
#include <utility>

#include "engine/ptrace/exec/elf.h"

namespace nestp {

/// Parts of one file, as far as somebody has read them.
struct FileFacts {
  std::optional<std::string> start{};     ///< first kShebangBytes
  std::optional<ElfImage> program{};      ///< parse_elf()
  std::optional<ElfImage> interpreter{};  ///< parse_elf_interpreter()
};

class KnownFiles {
 public:
  using Clock = std::chrono::steady_clock;

  /// Facts of a file that may be executed and looks like `status`; null: it is to be examined.
  std::shared_ptr<FileFacts> find(const struct stat& status, Clock::time_point now = Clock::now());
  /// The file with that status may be executed: a place for what is read of it.
  std::shared_ptr<FileFacts> add(const struct stat& status, Clock::time_point now = Clock::now());
  /// Somebody may write the file.
  void forget(const struct stat& status);

 private:
  struct Entry {
    struct stat status {};
    Clock::time_point examined{};
    std::shared_ptr<FileFacts> facts;
  };
  std::map<std::pair<dev_t, ino_t>, Entry> entries_;
};

}  // namespace nestp
