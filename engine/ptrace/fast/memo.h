// The tracer's side of the memo: the one writer of what all guests read.
//
// gate/memo.h says what is in it.  Lock-free: an entry is whole before its
// bucket points at it, and never changes but for its generation.
#pragma once

#include <csignal>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "engine/gate/memo.h"
#include "engine/ptrace/signal_timer.h"
#include "fs/fd.h"

namespace nestp {

class Memo {
 public:
  /// Null if the kernel gives no memory that can be shared by a path.
  /// `expires`: entries end PathCache::kStaleness after the first of them, by themselves; of one
  /// such memo at a time.
  static std::unique_ptr<Memo> make(bool expires);
  ~Memo();
  Memo(const Memo&) = delete;
  Memo& operator=(const Memo&) = delete;

  /// By which a guest's loader opens it.
  std::string path() const;
  gate::MemoHeader& header() { return *header_; }
  const gate::MemoHeader& header() const { return *header_; }

  struct Key {
    gate::EntryKind kind;
    std::uint64_t context, base;
    std::string_view text;
  };
  /// Publishes an answer of the present generation, or of all if `always`.
  /// False: the memo is full.
  bool publish(const Key& key, std::string_view host, std::uint32_t flags, bool always = false);
  /// Something of the present generation was made known otherwise than by publish().
  void note_published();
  /// Ends all entries that are not `always`.  The new generation.
  std::uint64_t end_all();
  std::uint64_t used() const { return used_; }  ///< bytes

 private:
  Memo(UniqueFd file, void* memory, bool expires);
  gate::MemoEntry* find(const Key& key, std::uint64_t hash, std::string_view host,
                        std::uint32_t flags);
  bool is_full(std::uint32_t bucket) const;
  static void on_time(int signal);

  static Memo* instance_;  ///< for the clock's signal handler
  UniqueFd file_;
  gate::MemoHeader* header_;
  std::uint64_t used_;
  bool expires_;
  volatile std::sig_atomic_t has_new_ = 0;  ///< the clock runs
  SignalTimer clock_;
};

}  // namespace nestp
