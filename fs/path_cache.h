// What is known of directory entries: which are symlinks, and their text.
//
// A tree of entries keyed by (parent entry, component).  A fact never says
// whether a file exists or may be used: only "a symlink with this text" or "not
// a symlink".  So it goes stale by these events alone: a symlink made or
// removed, a directory renamed or replaced.  Facts are of the host's tree, so
// all views share them.  Tracer thread only.
//
// Exactness: an entry that a guest is changing is volatile from begin_change()
// to end_change(); meanwhile nothing is believed or remembered of it and of all
// below it.  Changes made by processes outside the session, or through another
// host name of the same directory, are noticed within kStaleness.
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
  /// Entries kept; the cache starts anew beyond.
  static constexpr std::size_t kMaxEntries = 200'000;

  PathCache();
  ~PathCache();

  /// Name of an entry, under which its children are known.  An entry that was
  /// changed gets a new one, so that all below the old one is out of reach.
  using Id = std::uint32_t;
  static constexpr Id kUncached = 0;  ///< below it nothing is found or remembered
  static constexpr Id kRoot = 1;      ///< the host's "/"

  enum class Kind : std::uint8_t {
    unknown,  ///< never seen, too old, or volatile
    plain,    ///< not a symlink
    link,
  };
  struct Fact {
    Kind kind = Kind::unknown;
    Id id = kUncached;
    std::string_view target{};  ///< of a link; valid until the next change of the cache
  };

  /// Takes the time that facts are compared with, and makes room.  To be called
  /// before a walk; ids taken earlier are void.
  void begin_walk();

  Fact find(Id directory, std::string_view name);
  /// The new entry's id.
  Id remember(Id directory, std::string_view name, Kind kind, std::string_view target = {});
  /// The id of a directory by its host path, as a start for find().
  Id locate(std::string_view host);
  /// The id of the entry `name`; made if it is not there yet.
  Id child(Id directory, std::string_view name);

  /// A guest call is about to make, remove or rename the entry `host`: forget it
  /// and all below it, and remember nothing of these until end_change().  Counted.
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
