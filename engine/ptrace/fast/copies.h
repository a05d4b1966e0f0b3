// Patched copies of the files whose code guests make their calls from, so that no guest process
// patches anything.
//
// Finding the places takes a decoder some milliseconds a file, and copying a C library a good part
// of the start of a program; so both are kept from session to session in a cache folder: a list a
// file, and the copy if it is not too large.  What is kept is checked before it is believed (a
// copy by its sum, unless it still has the time that it got when all of it was on the disk), and
// thrown away if it is not whole; what cannot be kept is made in memory.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/ptrace/fast/cache_folder.h"
#include "engine/ptrace/fast/calls.h"
#include "engine/ptrace/fast/patches.h"
#include "fs/fd.h"

struct stat;

namespace nestp {

class PatchedCopies {
 public:
  /// `cache`: a folder for lists and copies, made when needed; empty: none is kept.
  PatchedCopies(const Abi& abi, const FastCalls& calls, const std::string& cache);

  struct Opened {
    std::string path;  ///< by which the copy is opened
    StubSegment stubs;
  };
  /// The copy of `host`; none if nothing in it can be patched.
  std::optional<Opened> copy_of(const std::string& host, Mapper mapper);

 private:
  /// What makes a file another one.
  struct Identity {
    std::uint64_t device = 0, inode = 0, size = 0;
    std::int64_t seconds = 0, nanoseconds = 0;  ///< of the last change of its contents
    bool operator<(const Identity& other) const;
  };
  static Identity identity_of(const struct stat& status);
  static timespec time_of(const Identity& identity);
  /// True if a kept copy needs no reading to be believed.
  static bool is_untouched(const struct stat& copy, const Identity& identity);
  struct Copy {
    UniqueFd file;  ///< empty: nothing to patch
    StubSegment stubs;
  };
  Copy find_or_make(const std::string& host, const Identity& identity, Mapper mapper,
                    mode_t mode) const;
  std::vector<PatchSite> sites_of(std::span<const std::byte> bytes, const Identity& identity) const;
  std::optional<std::vector<PatchSite>> read_list(const Identity& identity) const;
  void write_list(const Identity& identity, std::span<const PatchSite> sites) const;
  std::string list_name(const Identity& identity) const;
  std::string copy_name(const std::string& host, const Identity& identity, Mapper mapper) const;
  Copy read_copy(const std::string& name, const Identity& identity) const;
  bool write_copy(const std::string& name, const Identity& identity,
                  std::span<const std::byte> copy, const StubSegment& stubs, mode_t mode) const;

  const Abi& abi_;
  FastCalls calls_;
  CacheFolder lists_, kept_;
  std::map<std::pair<Identity, Mapper>, Copy> copies_;
};

}  // namespace nestp
