# Fails if a comment in include/, src/, tests/ or examples/ cites a fact of src/KERNEL.md, as [18] or
# [31, 32], or a promise of tests/README.md, as A4, that is not defined there; or if a name does that has
# a promise in it, as A16_... of a test. In a public header a bare number is refused: what is read there
# is installed without those pages, so it is cited as src/KERNEL.md#18.
#   cmake -DSOURCE=<top of the repository> [-DEXAMPLE=<file to be judged alone>] -P citations.cmake
cmake_minimum_required(VERSION 3.16)

# defined(OUT FILE ID): the numbers n of all <a id="IDn"> in the file; each may stand there once.
function(defined out file id)
  file(READ "${SOURCE}/${file}" page)
  string(REGEX MATCHALL "<a id=\"${id}[0-9]+\">" anchors "${page}")
  string(REGEX REPLACE "<a id=\"${id}([0-9]+)\">" "\\1" numbers "${anchors}")
  set(unique ${numbers})
  list(REMOVE_DUPLICATES unique)
  if(NOT numbers OR NOT numbers STREQUAL unique)
    message(FATAL_ERROR "${file} defines nothing, or a number twice: ${numbers}")
  endif()
  set(${out} ${numbers} PARENT_SCOPE)
endfunction()

defined(facts src/KERNEL.md "")
defined(promises tests/README.md a)

if(DEFINED EXAMPLE)
  set(files "${EXAMPLE}")
else()
  file(GLOB_RECURSE files
    "${SOURCE}/include/*.hpp" "${SOURCE}/src/*.[ch]pp" "${SOURCE}/tests/*.[ch]pp" "${SOURCE}/examples/*.cpp")
endif()

set(wrong "")
set(count 0)
# refuse_unknown(FILE KIND PAGE KNOWN CITED): notes what is not known.
function(refuse_unknown file kind page known cited)
  list(REMOVE_ITEM cited "")
  foreach(number IN LISTS cited)
    math(EXPR count "${count} + 1")
    if(NOT number IN_LIST known)
      string(APPEND wrong "  ${file}: ${kind}${number} is not defined in ${page}\n")
    endif()
  endforeach()
  set(wrong "${wrong}" PARENT_SCOPE)
  set(count ${count} PARENT_SCOPE)
endfunction()

foreach(path IN LISTS files)
  file(RELATIVE_PATH file "${SOURCE}" "${path}")
  file(READ "${path}" text)
  # Brackets and semicolons mean something in a list.
  string(REPLACE ";" "," text "${text}")
  string(REPLACE "[" "<(" text "${text}")
  string(REPLACE "]" ")>" text "${text}")
  string(REGEX MATCHALL "//[^\n]*" comments "${text}")
  string(REPLACE ";" "\n" comments "${comments}")

  # a[1] and f()[1] are code.
  string(REGEX MATCHALL "[^A-Za-z0-9_)>\"]<\\([0-9]+(, ?[0-9]+)*\\)>" citations "${comments}")
  if(citations AND file MATCHES "^include/inotify/[a-z_]+\\.hpp$")
    string(APPEND wrong "  ${file}: a public header cites ${citations}; write src/KERNEL.md#<number>\n")
  endif()
  string(REGEX MATCHALL "[0-9]+" cited "${citations}")
  string(REGEX MATCHALL "KERNEL\\.md#[0-9]+" links "${comments}")
  string(REGEX REPLACE "KERNEL\\.md#" "" links "${links}")
  refuse_unknown("${file}" "fact " src/KERNEL.md "${facts}" "${cited};${links}")

  # A1-A3 and A1_A2_ are two each: what a match takes the next one cannot have.
  string(REGEX REPLACE "[^A-Za-z0-9]" "  " words " ${comments} ")
  string(REGEX MATCHALL " A[0-9]+ " citations "${words}")
  string(REPLACE "_A" "_ A" text "${text}")
  string(REGEX MATCHALL "[^A-Za-z0-9]A[0-9]+_" names "${text}")
  string(REGEX MATCHALL "[0-9]+" cited "${citations};${names}")
  string(REGEX MATCHALL "README\\.md#a[0-9]+" links "${comments}")
  string(REGEX REPLACE "README\\.md#a" "" links "${links}")
  refuse_unknown("${file}" "promise A" tests/README.md "${promises}" "${cited};${links}")
endforeach()

if(wrong)
  string(REPLACE "<(" "[" wrong "${wrong}")
  string(REPLACE ")>" "]" wrong "${wrong}")
  message(FATAL_ERROR "Citations that lead nowhere:\n${wrong}")
endif()
if(NOT DEFINED EXAMPLE AND count LESS 300)
  message(FATAL_ERROR "Only ${count} citations were found: this test no longer sees them")
endif()
message(STATUS "${count} citations, all of them defined")
