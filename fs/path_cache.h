// What is known of directory entries: which are directories, which are links.
//
// A tree of entries keyed by (parent entry, component).  A fact never says
// whether a file exists or may be used: only "is a directory", "is a symlink
// with this text", "is neither".  So it goes stale by these events alone: a
// symlink made or removed, a directory renamed or replaced, a View changed.
//
// Exactness: an entry that a guest is changing is volatile() until its call has
// ended; until then nothing is believed or remembered of it.  Changes made by
// processes outside the session are noticed within kStaleness.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "fs/path.h"

namespace nestp {

class PathCache {
 public:
  /// Bound on how long a host process's change of a symlink or directory may go unnoticed.
  static constexpr std::chrono::milliseconds kStaleness{200};

  PathCache();
  ~PathCache();

  enum class Kind : std::uint8_t { unknown, directory, link, other };
  struct Fact {
    Kind kind = Kind::unknown;
    std::string_view target;  ///< of a link; valid until the next change of the cache
  };

  /// unknown if never seen, too old, or volatile.  `host` is the path of the
  /// entry on the host: facts are of the host's tree, so all views share them.
  Fact find(std::string_view host);
  void remember(std::string_view host, Kind kind, std::string_view target = {});

  /// A guest call is about to make, remove or rename the entry `host`: forget it
  /// and all below it, and remember nothing of these until settled().  Counted.
  void begin_change(const std::string& host);
  void end_change(const std::string& host);

  void clear();
  std::uint64_t hits() const { return hits_; }
  std::uint64_t misses() const { return misses_; }

 private:
  struct Tree;
  std::unique_ptr<Tree> tree_;
  std::uint64_t hits_ = 0;
  std::uint64_t misses_ = 0;
};

}  // namespace nestp
