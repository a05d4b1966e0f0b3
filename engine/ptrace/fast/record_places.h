// Who changes records (gate::RecordPlaces): the tracer's side, and what becomes of the places of
// guests that are cut short.
#pragma once

#include <memory>
#include <string>
#include <sys/types.h>

#include "engine/extension.h"
#include "engine/gate/memo.h"
#include "fs/fd.h"

namespace nestp {

class Tracer;
struct Thread;

/// The thread, which is stopped, does what it was about to do in the handler anew.  False: it is
/// not in it.
bool leave_handler_of(Tracer& tracer, Thread& thread);

class SharedPlaces final : public RecordPlaces {
 public:
  /// Null if the kernel gives no memory that can be shared by a path.
  static std::unique_ptr<SharedPlaces> make(Tracer& tracer);
  ~SharedPlaces() override;
  SharedPlaces(const SharedPlaces&) = delete;
  SharedPlaces& operator=(const SharedPlaces&) = delete;

  /// By which a guest's loader opens them.
  std::string path() const;
  void hold(std::uint64_t inode) override;
  void let_go(std::uint64_t inode) override;
  /// The thread is not in the handler any more, or has ended: it holds no place.
  void free(pid_t thread);

 private:
  SharedPlaces(Tracer& tracer, UniqueFd file, void* memory);
  bool can_take_from(pid_t holder, int waits);
  std::uint32_t& place_of(std::uint64_t inode);

  Tracer& tracer_;
  UniqueFd file_;
  gate::RecordPlaces* shared_;
};

}  // namespace nestp
