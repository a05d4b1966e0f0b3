// The two halves of an exec that every way of starting a program shares: opening
// what is named, and handing the new image its plan at the exec stop.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/ptrace/exec/plan.h"
#include "engine/ptrace/thread.h"
#include "fs/resolve.h"

namespace nestp {

class Tracer;

/// Opens a file for execution as do_open_execat does: EACCES unless it is a regular
/// file that may be executed from a file system that allows it, ETXTBSY if it is being written.
SysResult<ExecFile> open_executable(Tracer& tracer, const ResolveFrom& from,
                                    const std::string& text);
/// The same for an already resolved path.
SysResult<ExecFile> open_executable(Tracer& tracer, const std::string& host,
                                    const GuestPath& guest);

/// Asks the extensions for who runs a program, and opens that.
std::optional<ExecEmulator> find_emulator(Tracer& tracer, const ProgramFile& program,
                                          const GuestPath& guest);

/// True for a variable of the dynamic linker ("LD_...=").
bool is_loader_variable(std::string_view variable);

/// `/proc/DIRECTORY/NAME` with slashes added so that it is at least as long as
/// `file_name`: the kernel copies it to where AT_EXECFN points.
std::string padded_path(const std::string& directory, const std::string& name,
                        const std::string& file_name);

/// At the exec stop: a fresh address space, the loader's plan, AT_EXECFN.
/// Errors: the new image could not be read or written; it is beyond help.
SysResult<> begin_program(Tracer& tracer, Thread& thread, ExecPlan& plan);

}  // namespace nestp
