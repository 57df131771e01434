# Read by ctest once the tests are known: gives those that race, or are random, the label "race".
foreach(program IN LISTS programs)
  foreach(test IN LISTS ${program}_TESTS)
    if(test MATCHES "Race[.]|Attack|Random|MissesNo|_.*Whatever|InARow|Portions|Swarm")
      set_tests_properties("${test}" PROPERTIES LABELS race)
    endif()
  endforeach()
endforeach()
